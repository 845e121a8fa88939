#include "models/language/captions.hpp"

#include <algorithm>

namespace backlight::language {
namespace {

constexpr std::string_view kArticle = "a";

std::string_view colour_of(const Thing& thing) { return kColours.at(static_cast<std::size_t>(thing.colour)); }
std::string_view noun_of(const Thing& thing) { return kNouns.at(static_cast<std::size_t>(thing.noun)); }

/// Words of which the first is read and taken away.
class Reader {
 public:
  explicit Reader(std::span<const std::string_view> words) : words_(words) {}

  bool at_end() const { return words_.empty(); }
  bool take(std::span<const std::string_view> expected) {
    if (words_.size() < expected.size() || !std::ranges::equal(words_.first(expected.size()), expected))
      return false;
    words_ = words_.subspan(expected.size());
    return true;
  }
  std::optional<int> take_one_of(std::span<const std::string_view> list) {
    if (words_.empty()) return {};
    const auto found = std::ranges::find(list, words_.front());
    if (found == list.end()) return {};
    words_ = words_.subspan(1);
    return static_cast<int>(found - list.begin());
  }
  /// A colour and one of the nouns.
  std::optional<Thing> take_thing(std::span<const std::string_view> nouns) {
    const auto colour = take_one_of(kColours);
    const auto noun = colour ? take_one_of(nouns) : std::nullopt;
    if (!noun) return {};
    return Thing{*colour, *noun};
  }

 private:
  std::span<const std::string_view> words_;
};

std::optional<Statement> parse_one(Reader& in) {
  const auto size = in.take_one_of(kSizes);
  const auto subject = in.take_thing(kNouns);
  if (!subject) return {};
  if (size) return Statement{.subject = *subject, .size = size};
  for (const Relation relation : {Relation::left, Relation::right, Relation::above, Relation::below})
    if (in.take(words_of(relation)) && in.take({&kArticle, 1}))
      if (const auto object = in.take_thing(kNouns))
        return Statement{.subject = *subject, .relation = relation, .object = *object};
  return {};
}

std::optional<Statement> parse_several(Reader& in) {
  const auto number = in.take_one_of(std::span(kNumbers).subspan(2));
  const auto subject = number ? in.take_thing(kPlurals) : std::nullopt;
  if (!subject) return {};
  return Statement{.subject = *subject, .number = *number + 2};
}

void say_thing(Caption& caption, const Thing& thing, ObjectSet about) {
  caption.say(kArticle, 0);
  caption.say(colour_of(thing), about);
  caption.say(noun_of(thing), about);
}

Caption relate(const Layout& layout, std::size_t i, std::size_t j) {
  const auto &a = layout.objects[i], &b = layout.objects[j];
  const Relation relation = relation_of(a.place, b.place);
  const auto of_a = static_cast<ObjectSet>(1u << i), of_b = static_cast<ObjectSet>(1u << j);
  Caption caption{{.subject = a.thing, .relation = relation, .object = b.thing}};
  say_thing(caption, a.thing, of_a);
  for (const std::string_view word : words_of(relation)) caption.say(word, of_a | of_b);
  say_thing(caption, b.thing, of_b);
  return caption;
}

Caption describe_one(const Layout& layout) {
  const Thing& thing = layout.objects.front().thing;
  Caption caption{{.subject = thing, .size = layout.size}};
  caption.say(kArticle, 0);
  caption.say(kSizes.at(static_cast<std::size_t>(layout.size)), layout.all());
  caption.say(colour_of(thing), layout.all());
  caption.say(noun_of(thing), layout.all());
  return caption;
}

Caption count_all(const Layout& layout) {
  const Thing& thing = layout.objects.front().thing;
  Caption caption{{.subject = thing, .number = static_cast<int>(layout.objects.size())}};
  caption.say(kNumbers.at(layout.objects.size()), layout.all());
  caption.say(colour_of(thing), layout.all());
  caption.say(kPlurals.at(static_cast<std::size_t>(thing.noun)), layout.all());
  return caption;
}

}  // namespace

std::vector<Caption> captions(const Layout& layout) {
  if (layout.kind == Kind::one) return {describe_one(layout)};
  if (!layout.related()) return {count_all(layout)};
  std::vector<Caption> every;
  for (std::size_t i = 0; i < layout.objects.size(); ++i)
    for (std::size_t j = 0; j < layout.objects.size(); ++j)
      if (i != j) every.push_back(relate(layout, i, j));
  return every;
}

std::optional<Statement> parse(std::span<const std::string_view> words) {
  Reader in(words);
  std::optional<Statement> statement = in.take({&kArticle, 1}) ? parse_one(in) : parse_several(in);
  if (!in.at_end()) statement.reset();
  return statement;
}

std::span<const std::string_view> words_of(Relation relation) {
  static constexpr std::array<std::string_view, 6> kWords = {"left", "of", "right", "of", "above", "below"};
  const auto words = std::span(kWords);
  switch (relation) {
    case Relation::left:
      return words.first(2);
    case Relation::right:
      return words.subspan(2, 2);
    case Relation::above:
      return words.subspan(4, 1);
    default:
      return words.subspan(5, 1);
  }
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::vector<std::string> all_words() {
  std::vector<std::string> all = {"<pad>", "<start>", "a",     "an",    "of",   "is",  "there",
                                  "what",  "colour",  "where", "how",   "many", "the", "object",
                                  "are",   "left",    "right", "above", "below"};
  const auto append = [&](std::span<const std::string_view> more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  append(kSizes);
  append(std::span(kNumbers).subspan(2));
  append(kColours);
  append(kNouns);
  append(kPlurals);
  return all;
}

Vocabulary caption_vocabulary() { return {all_words(), {}, {}, 9}; }

}  // namespace backlight::language
