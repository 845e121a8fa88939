#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>

#include "models/language/captions.hpp"
#include "models/language/questions.hpp"
#include "models/scenes/background.hpp"
#include "support/random.hpp"

namespace backlight::language {
namespace {

using Words = std::vector<std::string_view>;

/// Whether object i is where the relation says, as seen from object j, by half as much again as it is off the axis.
bool is_related(const Layout& layout, std::size_t i, Relation relation, std::size_t j) {
  const auto &a = layout.objects.at(i).place, &b = layout.objects.at(j).place;
  const double right = a.x - b.x, down = a.y - b.y;
  switch (relation) {
    case Relation::left:
      return -right >= 1.5 * std::abs(down);
    case Relation::right:
      return right >= 1.5 * std::abs(down);
    case Relation::above:
      return -down >= 1.5 * std::abs(right);
    default:
      return down >= 1.5 * std::abs(right);
  }
}

std::vector<std::size_t> members(ObjectSet set) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < 8; ++i)
    if (set >> i & 1) all.push_back(i);
  return all;
}

template <class List>
int index_in(const List& list, std::string_view text) {
  const auto found = std::ranges::find(list, text);
  return found == list.end() ? -1 : static_cast<int>(found - list.begin());
}

/// The objects with this noun, singular or plural, and this colour, where one is given.
ObjectSet all_of(const Layout& layout, std::string_view noun, std::string_view colour = {}) {
  ObjectSet set = 0;
  for (std::size_t i = 0; i < layout.objects.size(); ++i) {
    const auto n = static_cast<std::size_t>(layout.objects[i].thing.noun);
    const auto c = static_cast<std::size_t>(layout.objects[i].thing.colour);
    if ((kNouns.at(n) == noun || kPlurals.at(n) == noun) && (colour.empty() || kColours.at(c) == colour))
      set = static_cast<ObjectSet>(set | 1u << i);
  }
  return set;
}

std::size_t only(ObjectSet set) {
  REQUIRE(std::popcount(set) == 1);
  return members(set).front();
}

/// A caption's statement is true of the scene, by its places, and its words are about what they name.
void check_caption(const Layout& layout, const Caption& caption) {
  CAPTURE(joined(caption.words));
  const Words& words = caption.words;
  REQUIRE(words.size() <= 8);
  REQUIRE(words.size() == caption.evidence.size());
  const auto parsed = parse(words);
  REQUIRE(parsed);
  CHECK(*parsed == caption.statement);
  for (std::size_t t = 0; t < words.size(); ++t) {
    if (words[t] == "a") CHECK(caption.evidence[t] == 0);
    if (words[t] != "a") CHECK(caption.evidence[t] != 0);
    for (const std::size_t i : members(caption.evidence[t])) {
      const Thing& thing = layout.objects.at(i).thing;
      if (const int c = index_in(kColours, words[t]); c >= 0) CHECK(thing.colour == c);
      if (const int n = index_in(kNouns, words[t]); n >= 0) CHECK(thing.noun == n);
      if (const int n = index_in(kPlurals, words[t]); n >= 0) CHECK(thing.noun == n);
    }
  }
  if (parsed->relation) {
    const ObjectSet subject = caption.evidence[2], object = caption.evidence.back();
    CHECK(layout.objects.at(only(subject)).thing == parsed->subject);
    CHECK(layout.objects.at(only(object)).thing == parsed->object);
    CHECK(is_related(layout, only(subject), *parsed->relation, only(object)));
    CHECK(caption.evidence[3] == (subject | object));
  } else if (parsed->size) {
    const double radius = layout.objects.at(only(layout.all())).place.radius / kSceneSize;
    CHECK((*parsed->size == 1) == (radius >= 0.22));
    CHECK((*parsed->size == 0) == (radius <= 0.15));
  } else {
    CHECK(parsed->number == static_cast<int>(layout.objects.size()));
    CHECK(caption.evidence == std::vector<ObjectSet>(3, layout.all()));
  }
}

Relation relation_in(const Words& words, std::size_t at) {
  for (const Relation relation : {Relation::left, Relation::right, Relation::above, Relation::below})
    if (words.at(at) == words_of(relation).front()) return relation;
  FAIL("no relation");
  return {};
}

/// The answer follows from the question's words and the scene.
void check_question(const Layout& layout, const Question& question) {
  const Words words = words_of(question);
  const std::string text = joined(words);
  const auto answer = answers()[static_cast<std::size_t>(question.answer)];
  CAPTURE(text);
  CAPTURE(answer);
  REQUIRE(words.size() <= 8);
  CHECK(question_vocabulary().encode(text).size() == words.size());
  switch (question.family) {
    case Family::exist:
    case Family::exist_colour: {
      const bool coloured = words.size() == 5;
      CHECK(coloured == (question.family == Family::exist_colour));
      const ObjectSet there = all_of(layout, words.back(), coloured ? words[3] : "");
      CHECK(question.evidence == there);
      CHECK(answer == (there ? "yes" : "no"));
      break;
    }
    case Family::colour:
      CHECK(text.starts_with("what colour is the "));
      CHECK(question.evidence == all_of(layout, words.back(), answer));
      CHECK(std::popcount(question.evidence) == 1);
      break;
    case Family::which:
      CHECK(text.starts_with("what is the "));
      CHECK(question.evidence == all_of(layout, answer, words[3]));
      CHECK(std::popcount(question.evidence) == 1);
      break;
    case Family::relation: {
      const std::size_t object = only(all_of(layout, words.back()));
      ObjectSet there = 0;
      for (std::size_t i = 0; i < layout.objects.size(); ++i)
        if (i != object && is_related(layout, i, relation_in(words, 2), object))
          there = static_cast<ObjectSet>(there | 1u << i);
      CHECK(there == question.evidence);
      CHECK(there == all_of(layout, answer));
      CHECK(std::popcount(there) == 1);
      break;
    }
    case Family::where: {
      CHECK(question.evidence == all_of(layout, words.back()));
      const auto& place = layout.objects.at(only(question.evidence)).place;
      const double right = place.x - 48, down = place.y - 48;
      const double towards = answer == "left"    ? -right
                             : answer == "right" ? right
                             : answer == "top"   ? -down
                                                 : down;
      const double aside = answer == "left" || answer == "right" ? down : right;
      CHECK(towards >= 12);
      CHECK(towards >= 1.4 * std::abs(aside));
      break;
    }
    case Family::count:
      CHECK(question.evidence == all_of(layout, words[2]));
      CHECK(std::popcount(question.evidence) == index_in(kNumbers, answer));
      break;
    case Family::verify: {
      const ObjectSet a = all_of(layout, words[2]), b = all_of(layout, words.back());
      CHECK(question.evidence == (a | b));
      CHECK(answer == (is_related(layout, only(a), relation_in(words, 3), only(b)) ? "yes" : "no"));
      break;
    }
  }
}

/// Which pixels differ from those of the background alone.
std::vector<bool> covered_pixels(const Scene& scene, std::uint64_t seed, std::uint64_t index) {
  const auto bare = scenes::expose(scenes::draw_background(seed, index, kSceneSize), seed, index);
  std::vector<bool> covered(bare.size() / 3);
  for (std::size_t i = 0; i < bare.size(); ++i)
    if (bare[i] != scene.image.rgb[i]) covered[i / 3] = true;
  return covered;
}

struct Colourfulness {
  double hue = 0;     ///< in sixths, red 0
  double chroma = 0;  ///< largest minus smallest component
};

/// Nothing where a component is cut off at black or white.
std::optional<Colourfulness> colourfulness(const std::uint8_t* rgb) {
  const auto [low, high] = std::minmax({rgb[0], rgb[1], rgb[2]});
  if (low == 0 || high == 255) return {};
  const double r = rgb[0], g = rgb[1], b = rgb[2], chroma = high - low;
  if (chroma == 0) return Colourfulness{};
  const double hue = high == rgb[0]   ? (g - b) / chroma
                     : high == rgb[1] ? 2 + (b - r) / chroma
                                      : 4 + (r - g) / chroma;
  return Colourfulness{hue, chroma / 255};
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

TEST_CASE("world: the same bytes on every machine, and other scenes for another seed") {
  const auto hash = [](const Scene& scene) {
    return test::seed_of({reinterpret_cast<const char*>(scene.image.rgb.data()), scene.image.rgb.size()});
  };
  CHECK(hash(render(1, 0)) == 17201422418678365317u);
  CHECK(hash(render(0xffffffffffffffffu, 7)) == 7624226311729218223u);
  CHECK(hash(render(2, 0)) != hash(render(1, 0)));
}

TEST_CASE("world: kinds have their shares, objects their sizes, and what shall differ does") {
  constexpr int kScenes = 20000;
  std::array<int, 5> kinds{};
  std::array<int, kColours.size()> colours{};
  std::array<int, kNouns.size()> nouns{};
  double objects = 0;
  bool sound = true;
  for (std::uint64_t index = 0; index < kScenes; ++index) {
    const Layout layout = lay_out(1, index);
    ++kinds.at(static_cast<std::size_t>(layout.kind));
    objects += static_cast<double>(layout.objects.size());
    const std::size_t expected = layout.kind == Kind::one                                  ? 1
                                 : layout.kind == Kind::pair || layout.kind == Kind::twins ? 2
                                                                                           : 3;
    sound = sound && layout.objects.size() == expected;
    for (std::size_t i = 0; i < layout.objects.size(); ++i) {
      const auto& [thing, place] = layout.objects[i];
      ++colours.at(static_cast<std::size_t>(thing.colour));
      ++nouns.at(static_cast<std::size_t>(thing.noun));
      const double radius = place.radius / kSceneSize;
      sound = sound && (expected == 1   ? (radius >= 0.12 && radius <= 0.28)
                        : expected == 2 ? (radius >= 0.13 && radius <= 0.21)
                                        : (radius >= 0.12 && radius <= 0.17));
      for (const double at : {place.x, place.y})
        sound = sound && at - place.radius >= 0 && at + place.radius <= kSceneSize;
      for (std::size_t j = 0; j < i; ++j) {
        const Thing& other = layout.objects[j].thing;
        sound = sound && (layout.distinct() ? thing.colour != other.colour && thing.noun != other.noun
                                            : thing == other);
        if (layout.related())
          sound = sound && is_related(layout, i, relation_of(place, layout.objects[j].place), j);
      }
    }
  }
  CHECK(sound);
  const std::array<double, 5> shares = {0.15, 0.35, 0.25, 0.13, 0.12};
  for (std::size_t k = 0; k < kinds.size(); ++k)
    CHECK(std::abs(kinds[k] / double{kScenes} - shares[k]) < 0.01);
  for (const int n : colours) CHECK(std::abs(n / objects - 1.0 / 6) < 0.01);
  for (const int n : nouns) CHECK(std::abs(n / objects - 0.1) < 0.01);
}

TEST_CASE("world: boxes hold every pixel that the objects change, are tight around them and do not overlap") {
  constexpr std::uint64_t kScenes = 60;
  int sides = 0, tight = 0;
  for (std::uint64_t index = 0; index < kScenes; ++index) {
    CAPTURE(index);
    const Scene scene = render(3, index);
    REQUIRE(scene.boxes.size() == scene.layout.objects.size());
    const std::vector<bool> covered = covered_pixels(scene, 3, index);
    std::vector<Box> found(scene.boxes.size(), Box{kSceneSize, kSceneSize, 0, 0});
    int outside = 0;
    for (int y = 0; y < kSceneSize; ++y)
      for (int x = 0; x < kSceneSize; ++x) {
        if (!covered[static_cast<std::size_t>(y * kSceneSize + x)]) continue;
        int within = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
          const Box& box = scene.boxes[i];
          if (x < box.x0 || x >= box.x1 || y < box.y0 || y >= box.y1) continue;
          ++within;
          found[i] = {std::min<double>(found[i].x0, x), std::min<double>(found[i].y0, y),
                      std::max<double>(found[i].x1, x + 1), std::max<double>(found[i].y1, y + 1)};
        }
        outside += within != 1;
      }
    CHECK(outside == 0);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Box &a = found[i], &b = scene.boxes[i];
      for (const double gap : {a.x0 - b.x0, a.y0 - b.y0, b.x1 - a.x1, b.y1 - a.y1})
        ++sides, tight += gap <= 1;
    }
  }
  CHECK(tight >= 0.97 * sides);  // the rest are edges that happen to have the background's colour
}

TEST_CASE("world: the colours of the pixels lie in the ranges of their names") {
  constexpr std::array<double, 5> kHue{0, 1, 2.1, 3.9, 4.85}, kSpread{0.12, 0.12, 0.25, 0.25, 0.2};
  std::array<int, kColours.size()> measured{};
  for (std::uint64_t index = 0; index < 60; ++index) {
    CAPTURE(index);
    const Scene scene = render(4, index);
    const std::vector<bool> covered = covered_pixels(scene, 4, index);
    for (std::size_t i = 0; i < scene.boxes.size(); ++i) {
      const auto colour = static_cast<std::size_t>(scene.layout.objects[i].thing.colour);
      const Box& box = scene.boxes[i];
      std::vector<double> distances, chromas;
      for (int y = static_cast<int>(box.y0); y < box.y1; ++y)
        for (int x = static_cast<int>(box.x0); x < box.x1; ++x) {
          const auto at = static_cast<std::size_t>(y * kSceneSize + x);
          const bool inside = x > box.x0 && x < box.x1 - 1 && y > box.y0 && y < box.y1 - 1 && covered[at] &&
                              covered[at - 1] && covered[at + 1] && covered[at - kSceneSize] &&
                              covered[at + kSceneSize];
          if (!inside) continue;
          const auto pixel = colourfulness(scene.image.at(x, y));
          if (!pixel) continue;
          chromas.push_back(pixel->chroma);
          if (colour < kHue.size()) distances.push_back(std::remainder(pixel->hue - kHue[colour], 6));
        }
      if (chromas.size() < 40) continue;  // over- or underexposed
      ++measured[colour];
      CAPTURE(kColours[colour]);
      if (colour == kHue.size()) {
        CHECK(median(chromas) < 0.1);
      } else {
        CHECK(median(chromas) > 0.1);
        CHECK(std::abs(median(distances)) < kSpread[colour] + 0.05);
      }
    }
  }
  for (const int n : measured) CHECK(n >= 5);
}

TEST_CASE("world: every caption of a scene parses back to what is true of it") {
  std::set<std::string> forms;
  for (std::uint64_t index = 0; index < 1000; ++index) {
    CAPTURE(index);
    const Layout layout = lay_out(5, index);
    const std::vector<Caption> all = captions(layout);
    CHECK(all.size() == (layout.kind == Kind::pair ? 2 : layout.kind == Kind::triple ? 6 : 1));
    for (const Caption& caption : all) {
      check_caption(layout, caption);
      std::string form(caption.words.front());
      if (caption.statement.size) form = kSizes.at(static_cast<std::size_t>(*caption.statement.size));
      if (caption.statement.relation) form = words_of(*caption.statement.relation).front();
      forms.insert(form);
    }
  }
  CHECK(forms == std::set<std::string>{"small", "large", "two", "three", "left", "right", "above", "below"});
}

TEST_CASE("world: words that are no caption have no meaning") {
  const auto meaning = [](const std::string& text) {
    Words words;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      words.push_back(std::string_view(text).substr(at, end - at));
      at = end + 1;
    }
    return parse(words);
  };
  CHECK(meaning("a small red star") == Statement{.subject = {0, 5}, .size = 0});
  CHECK(meaning("three white crosses") == Statement{.subject = {5, 4}, .number = 3});
  CHECK(meaning("a red star left of a blue ring") ==
        Statement{.subject = {0, 5}, .relation = Relation::left, .object = {3, 3}});
  for (const char* none :
       {"", "a", "a red star", "a small star", "small red star", "a small red stars", "a small red star star",
        "two red star", "one red star", "none red stars", "two red", "a red star left a blue ring",
        "a red star above of a blue ring", "a red star above a blue", "a red star above blue ring",
        "a red star above a blue ring above", "a small red star above a blue ring"}) {
    CAPTURE(none);
    CHECK(!meaning(none));
  }
}

TEST_CASE("world: 20,000 questions have true answers, each as often as the others of its family") {
  constexpr std::uint64_t kQuestions = 20000;
  const Questions questions(6, 3000);
  std::map<std::pair<Family, int>, int> counts;
  std::set<std::uint64_t> scenes;
  int no_of_colour = 0, mixed = 0;
  for (std::uint64_t i = 0; i < kQuestions; ++i) {
    CAPTURE(i);
    const auto [scene, question] = questions.at(i);
    REQUIRE(scene < 3000);
    CHECK(question.family == static_cast<Family>(i % kFamilies));
    ++counts[{question.family, question.answer}];
    scenes.insert(scene);
    if (i % 7 != 0) continue;  // coprime to the number of families
    const Layout layout = lay_out(6, scene);
    check_question(layout, question);
    if (question.family == Family::exist_colour &&
        answers()[static_cast<std::size_t>(question.answer)] == "no" && layout.related()) {
      const Words words = words_of(question);
      ++no_of_colour;
      mixed += all_of(layout, words[4]) != 0 &&
               std::ranges::any_of(kNouns, [&](auto noun) { return all_of(layout, noun, words[3]) != 0; });
    }
  }
  CHECK(scenes.size() > 2900);
  CHECK(std::abs(mixed / double(no_of_colour) - 0.5) < 0.15);
  for (int f = 0; f < kFamilies; ++f) {
    const auto [first, count] = answers_of(static_cast<Family>(f));
    for (int answer = first; answer < first + count; ++answer)
      CHECK(std::abs(counts[{static_cast<Family>(f), answer}] * kFamilies / double{kQuestions} -
                     1.0 / count) < 0.02);
  }
  // The same whatever was asked before.
  const Questions again(6, 3000);
  CHECK(again.at(777).scene == questions.at(777).scene);
  CHECK(again.at(777).question == questions.at(777).question);
  CHECK_THROWS_WITH_AS(Questions(6, 2), doctest::Contains("none of 2 scenes has a question"), Error);
  CHECK_THROWS_AS(Questions(6, 0), Error);
}

TEST_CASE("world: a scene is asked one question of every family that suits it") {
  for (std::uint64_t index = 0; index < 200; ++index) {
    const Layout layout = lay_out(8, index);
    std::vector<Family> suiting, asked;
    for (int f = 0; f < kFamilies; ++f)
      if (!questions(layout, static_cast<Family>(f)).empty()) suiting.push_back(static_cast<Family>(f));
    for (const Question& question : ask_one_each(layout, 8, index)) {
      check_question(layout, question);
      asked.push_back(question.family);
    }
    CHECK(asked == suiting);
    CHECK(asked.size() >= (layout.related() ? 7 : 3));
  }
}

TEST_CASE("world: every word of every caption and question has an id, and nothing else has") {
  std::set<std::string_view> said;
  for (std::uint64_t index = 0; index < 1500; ++index) {
    const Layout layout = lay_out(7, index);
    for (const Caption& caption : captions(layout)) said.insert(caption.words.begin(), caption.words.end());
    for (int f = 0; f < kFamilies; ++f)
      for (const Question& question : questions(layout, static_cast<Family>(f)))
        for (const std::string_view word : words_of(question)) said.insert(word);
  }
  const std::vector<std::string> words = all_words();
  CHECK(words.size() == 49);
  CHECK(said == std::set<std::string_view>(words.begin() + 2, words.end()));
  CHECK(question_vocabulary().answers().size() == 26);
}

}  // namespace backlight::language
