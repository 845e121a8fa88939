#include "models/language/questions.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "models/language/captions.hpp"
#include "models/scenes/draws.hpp"

namespace backlight::language {
namespace {

constexpr std::uint64_t kQuestionPurpose = 60, kScenePurpose = 70, kAnswerPurpose = 80;

constexpr int kColourCount = static_cast<int>(kColours.size()), kNounCount = static_cast<int>(kNouns.size());
constexpr int kYes = 0, kNo = 1, kFirstColour = 2, kFirstNoun = kFirstColour + kColourCount;
constexpr int kFirstPlace = kFirstNoun + kNounCount, kFirstNumber = kFirstPlace + 4;
constexpr std::array<Relation, 4> kRelations = {Relation::left, Relation::right, Relation::above,
                                                Relation::below};

ObjectSet bit(std::size_t i) { return static_cast<ObjectSet>(1u << i); }
Family family_of(int i) { return static_cast<Family>(i); }
int index_of(Family family) { return static_cast<int>(family); }

/// The objects that `matches`.
template <class Matches>
ObjectSet those(const Layout& layout, const Matches& matches) {
  ObjectSet set = 0;
  for (std::size_t i = 0; i < layout.objects.size(); ++i)
    if (matches(layout.objects[i].thing)) set |= bit(i);
  return set;
}

/// The side of the middle on which something is, if it clearly is on one.
std::optional<Relation> side_of(const scenes::Place& place) {
  constexpr scenes::Place kMiddle{kSceneSize / 2.0, kSceneSize / 2.0, 0};
  const auto [less, more] = std::minmax({std::abs(place.x - kMiddle.x), std::abs(place.y - kMiddle.y)});
  if (more < kSceneSize / 8.0 || more < 1.4 * less) return {};
  return relation_of(place, kMiddle);
}

/// Of every noun, and of every colour and noun.
std::vector<Question> exist_questions(const Layout& layout, Family family) {
  std::vector<Question> all;
  const bool coloured = family == Family::exist_colour;
  for (int noun = 0; noun < kNounCount; ++noun)
    for (int colour = 0; colour < (coloured ? kColourCount : 1); ++colour) {
      const Thing asked{colour, noun};
      const ObjectSet there =
          those(layout, [&](const Thing& thing) { return coloured ? thing == asked : thing.noun == noun; });
      all.push_back({.family = family, .thing = asked, .answer = there ? kYes : kNo, .evidence = there});
    }
  return all;
}

std::vector<Question> count_questions(const Layout& layout) {
  std::vector<Question> all;
  for (int noun = 0; noun < kNounCount; ++noun) {
    const ObjectSet there = those(layout, [&](const Thing& thing) { return thing.noun == noun; });
    all.push_back({.family = Family::count,
                   .thing = {0, noun},
                   .answer = kFirstNumber + std::popcount(there),
                   .evidence = there});
  }
  return all;
}

/// `what is RELATION of the N`, where that is one object.
void ask_relations(const Layout& layout, std::size_t i, std::vector<Question>& all) {
  for (const Relation relation : kRelations) {
    ObjectSet there = 0;
    int noun = 0;
    for (std::size_t j = 0; j < layout.objects.size(); ++j) {
      const auto& other = layout.objects[j];
      if (j == i || relation_of(other.place, layout.objects[i].place) != relation) continue;
      there |= bit(j);
      noun = other.thing.noun;
    }
    if (std::popcount(there) == 1)
      all.push_back({.family = Family::relation,
                     .thing = layout.objects[i].thing,
                     .relation = relation,
                     .answer = kFirstNoun + noun,
                     .evidence = there});
  }
}

/// `is the N RELATION the N`, of every other object and relation.
void ask_to_verify(const Layout& layout, std::size_t i, std::vector<Question>& all) {
  for (std::size_t j = 0; j < layout.objects.size(); ++j) {
    if (j == i) continue;
    const auto &object = layout.objects[i], &other = layout.objects[j];
    for (const Relation relation : kRelations)
      all.push_back({.family = Family::verify,
                     .thing = object.thing,
                     .relation = relation,
                     .other = other.thing.noun,
                     .answer = relation_of(object.place, other.place) == relation ? kYes : kNo,
                     .evidence = static_cast<ObjectSet>(bit(i) | bit(j))});
  }
}

bool is_mixed(const Layout& layout, const Question& question) {
  return question.answer == kNo &&
         those(layout, [&](const Thing& t) { return t.noun == question.thing.noun; }) &&
         those(layout, [&](const Thing& t) { return t.colour == question.thing.colour; });
}

}  // namespace

std::string_view name_of(Family family) {
  constexpr std::array<std::string_view, kFamilies> kNames = {"exist",    "exist-colour", "colour", "which",
                                                              "relation", "where",        "count",  "verify"};
  return kNames.at(static_cast<std::size_t>(family));
}

std::span<const std::string_view> answers() {
  static const auto kAll = [] {
    std::array<std::string_view, kAnswers> all = {"yes", "no"};
    constexpr std::array<std::string_view, 4> kPlaces = {"left", "right", "top", "bottom"};
    std::ranges::copy(kColours, all.begin() + kFirstColour);
    std::ranges::copy(kNouns, all.begin() + kFirstNoun);
    std::ranges::copy(kPlaces, all.begin() + kFirstPlace);
    std::ranges::copy(kNumbers, all.begin() + kFirstNumber);
    return all;
  }();
  return kAll;
}

AnswerRange answers_of(Family family) {
  switch (family) {
    case Family::colour:
      return {kFirstColour, kColourCount};
    case Family::which:
    case Family::relation:
      return {kFirstNoun, kNounCount};
    case Family::where:
      return {kFirstPlace, 4};
    case Family::count:
      return {kFirstNumber, static_cast<int>(kNumbers.size())};
    default:
      return {kYes, 2};
  }
}

std::vector<std::string_view> words_of(const Question& question) {
  const auto noun_of = [](int noun) { return kNouns.at(static_cast<std::size_t>(noun)); };
  const std::string_view noun = noun_of(question.thing.noun);
  const std::string_view colour = kColours.at(static_cast<std::size_t>(question.thing.colour));
  std::vector<std::string_view> words;
  const auto say = [&](std::initializer_list<std::string_view> more) { words.insert(words.end(), more); };
  const auto say_relation = [&] {
    const auto more = words_of(question.relation);
    words.insert(words.end(), more.begin(), more.end());
  };
  switch (question.family) {
    case Family::exist:
      say({"is", "there", noun.starts_with('a') ? "an" : "a", noun});
      break;
    case Family::exist_colour:
      say({"is", "there", "a", colour, noun});
      break;
    case Family::colour:
      say({"what", "colour", "is", "the", noun});
      break;
    case Family::which:
      say({"what", "is", "the", colour, "object"});
      break;
    case Family::relation:
      say({"what", "is"});
      say_relation();
      say({"the", noun});
      break;
    case Family::where:
      say({"where", "is", "the", noun});
      break;
    case Family::count:
      say({"how", "many", kPlurals.at(static_cast<std::size_t>(question.thing.noun)), "are", "there"});
      break;
    case Family::verify:
      say({"is", "the", noun});
      say_relation();
      say({"the", noun_of(question.other)});
      break;
  }
  return words;
}

Vocabulary question_vocabulary() { return {all_words(), {answers().begin(), answers().end()}, {}, 8}; }

std::vector<Question> questions(const Layout& layout, Family family) {
  if (family == Family::exist || family == Family::exist_colour) return exist_questions(layout, family);
  if (family == Family::count) return count_questions(layout);
  std::vector<Question> all;
  if (family == Family::where ? !layout.distinct() : !layout.related()) return all;
  for (std::size_t i = 0; i < layout.objects.size(); ++i) {
    const auto& [thing, place] = layout.objects[i];
    Question question{.family = family, .thing = thing, .evidence = bit(i)};
    if (family == Family::relation) {
      ask_relations(layout, i, all);
    } else if (family == Family::verify) {
      ask_to_verify(layout, i, all);
    } else if (family == Family::where) {
      const auto side = side_of(place);
      if (!side) continue;
      question.answer = kFirstPlace + static_cast<int>(*side);
      all.push_back(question);
    } else {
      question.answer = family == Family::colour ? kFirstColour + thing.colour : kFirstNoun + thing.noun;
      all.push_back(question);
    }
  }
  return all;
}

std::optional<Question> ask(const Layout& layout, Family family, int answer, std::uint64_t seed,
                            std::uint64_t index) {
  std::vector<Question> fitting = questions(layout, family);
  std::erase_if(fitting, [&](const Question& question) { return question.answer != answer; });
  if (fitting.empty()) return {};
  scenes::Draws draws(seed, index, kQuestionPurpose);
  if (family == Family::exist_colour && draws.chance(0.5)) {
    std::vector<Question> mixed;
    std::ranges::copy_if(fitting, std::back_inserter(mixed),
                         [&](const Question& q) { return is_mixed(layout, q); });
    if (!mixed.empty()) fitting = std::move(mixed);
  }
  return fitting[static_cast<std::size_t>(draws.below(static_cast<int>(fitting.size())))];
}

std::vector<Question> ask_one_each(const Layout& layout, std::uint64_t seed, std::uint64_t index) {
  std::vector<Question> asked;
  for (int f = 0; f < kFamilies; ++f) {
    std::vector<int> possible;
    for (const Question& question : questions(layout, family_of(f))) possible.push_back(question.answer);
    std::ranges::sort(possible);
    possible.erase(std::unique(possible.begin(), possible.end()), possible.end());
    if (possible.empty()) continue;
    scenes::Draws draws(seed, index, kAnswerPurpose + static_cast<std::uint64_t>(f));
    const int answer = possible[static_cast<std::size_t>(draws.below(static_cast<int>(possible.size())))];
    asked.push_back(*ask(layout, family_of(f), answer, seed, index));
  }
  return asked;
}

Questions::Questions(std::uint64_t seed, std::int64_t scenes) : seed_(seed) {
  if (scenes < 1 || scenes > std::int64_t{1} << 31)
    throw Error(ErrorKind::usage, "questions about ", scenes, " scenes were asked for, expected 1 to 2^31");
  for (std::int64_t scene = 0; scene < scenes; ++scene) {
    const Layout layout = lay_out(seed, static_cast<std::uint64_t>(scene));
    for (int f = 0; f < kFamilies; ++f)
      for (const Question& question : questions(layout, family_of(f))) {
        auto& list = scenes_.at(static_cast<std::size_t>(f)).at(static_cast<std::size_t>(question.answer));
        if (list.empty() || list.back() != scene) list.push_back(static_cast<std::uint32_t>(scene));
      }
  }
  for (int f = 0; f < kFamilies; ++f) {
    const auto [first, count] = answers_of(family_of(f));
    for (int answer = first; answer < first + count; ++answer)
      if (scenes_.at(static_cast<std::size_t>(f)).at(static_cast<std::size_t>(answer)).empty())
        throw Error(ErrorKind::usage, "none of ", scenes, " scenes has a question of the family ",
                    name_of(family_of(f)), " with the answer ", answers()[static_cast<std::size_t>(answer)],
                    "; take more scenes");
  }
}

Questions::Asked Questions::at(std::uint64_t index) const {
  const Family family = family_of(static_cast<int>(index % kFamilies));
  const auto [first, count] = answers_of(family);
  const int answer = first + static_cast<int>(index / kFamilies % static_cast<std::uint64_t>(count));
  const auto& list =
      scenes_.at(static_cast<std::size_t>(index_of(family))).at(static_cast<std::size_t>(answer));
  scenes::Draws draws(seed_, index, kScenePurpose);
  const std::uint64_t scene = list[static_cast<std::size_t>(draws.below(static_cast<int>(list.size())))];
  return {scene, *ask(lay_out(seed_, scene), family, answer, seed_, index)};
}

}  // namespace backlight::language
