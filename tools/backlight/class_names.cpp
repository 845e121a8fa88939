#include "tools/backlight/class_names.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

#include "engine/core/error.hpp"
#include "engine/core/nearest.hpp"
#include "models/labels/labels.hpp"

namespace backlight::tools {
namespace {

constexpr std::size_t kSuggested = 5;
constexpr std::string_view kIndexPrefix = "index:", kNamePrefix = "name:";

std::string_view trimmed(std::string_view text) {
  constexpr const char* kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

/// The text without differences of case and of Unicode's forms. What is not UTF-8 stays as it is.
std::string folded(std::string_view text) {
  const std::string terminated(trimmed(text));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> form(
      utf8proc_NFKC_Casefold(reinterpret_cast<const utf8proc_uint8_t*>(terminated.c_str())), &std::free);
  return form ? std::string(trimmed(reinterpret_cast<const char*>(form.get()))) : terminated;
}

/// The parts between commas, folded.
std::vector<std::string> parts_of(std::string_view line) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = std::min(line.find(','), line.size());
    parts.push_back(folded(line.substr(0, comma)));
    if (comma == line.size()) return parts;
    line.remove_prefix(comma + 1);
  }
}

/// What a class answers to.
struct Names {
  std::string label, first;           ///< as it is shown, and its first part
  std::vector<std::string> synonyms;  ///< lines and parts
  std::string wordnet_id;

  Names(std::string_view shown, std::string_view id) : label(folded(shown)), wordnet_id(folded(id)) {
    synonyms = parts_of(shown);
    first = synonyms.front();
    const std::string_view line = wordnet_names(id);
    synonyms.push_back(folded(line));
    for (std::string& part : parts_of(line)) synonyms.push_back(std::move(part));
  }

  bool is_shown_as(std::string_view name) const { return label == name || first == name; }
  bool has_synonym(std::string_view name) const {
    return std::ranges::find(synonyms, name) != synonyms.end();
  }
};

using Matches = std::vector<std::int64_t>;

template <class Predicate>
Matches matching(std::span<const Names> classes, Predicate predicate) {
  Matches found;
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (predicate(classes[i])) found.push_back(static_cast<std::int64_t>(i));
  return found;
}

std::string listed(const Matches& classes, std::span<const std::string> labels) {
  std::string out;
  for (std::size_t i = 0; i < classes.size(); ++i)
    out += text(i == 0                    ? ""
                : i + 1 == classes.size() ? " and "
                                          : ", ",
                classes[i], " (", labels[static_cast<std::size_t>(classes[i])], ")");
  return out;
}

bool is_number(std::string_view name) {
  if (name.starts_with('-')) name.remove_prefix(1);
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Nothing for what is not a number below `count`.
std::optional<std::int64_t> index_of(std::string_view number, std::size_t count) {
  std::int64_t index = 0;
  const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), index);
  const bool whole = status == std::errc() && end == number.data() + number.size();
  if (!whole || index < 0 || index >= static_cast<std::int64_t>(count)) return std::nullopt;
  return index;
}

[[noreturn]] void refuse_index(std::string_view wanted, std::size_t count) {
  throw Error(ErrorKind::usage, "there is no class ", wanted, ": the network has ", count,
              " classes, numbered from 0");
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<unsigned char>(c) & 0x80) != 0;
}

/// How a folded name contains a folded word: as a word (2), within a word (1), not at all (0).
int containment(const std::string& name, const std::string& word) {
  int best = 0;
  for (std::size_t at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool whole = (at == 0 || !is_letter(name[at - 1])) && (end == name.size() || !is_letter(name[end]));
    best = std::max(best, whole ? 2 : 1);
  }
  return best;
}

/// Classes whose label contains the word come first, then those with such a synonym, then those that contain
/// it within a word; only where there are none, names that are spelled alike.
std::string suggestion(std::span<const Names> classes, std::span<const std::string> labels,
                       const std::string& wanted) {
  Matches ranks[4];
  for (std::size_t i = 0; i < classes.size() && !wanted.empty(); ++i) {
    int in_synonym = 0;
    for (const std::string& synonym : classes[i].synonyms)
      in_synonym = std::max(in_synonym, containment(synonym, wanted));
    const int in_label = containment(classes[i].label, wanted);
    const int best = std::max(in_label, in_synonym);
    if (best > 0)
      ranks[(best == 2 ? 0 : 2) + (in_label == best ? 0 : 1)].push_back(static_cast<std::int64_t>(i));
  }
  Matches found;
  for (const Matches& rank : ranks) found.insert(found.end(), rank.begin(), rank.end());
  if (found.empty()) {
    std::vector<std::string> names;
    for (const Names& each : classes) {
      names.push_back(each.label);
      names.insert(names.end(), each.synonyms.begin(), each.synonyms.end());
    }
    std::erase(names, std::string());
    return did_you_mean(wanted, names);
  }
  const std::size_t more = found.size() > kSuggested ? found.size() - kSuggested : 0;
  found.resize(found.size() - more);
  return text("; the word is part of ", listed(found, labels),
              more > 0 ? text(", and of ", more, " more") : "");
}

ClassChoice choose(const Matches& found, TakenAs how, std::span<const std::string> labels,
                   std::string_view wanted) {
  if (found.size() > 1)
    throw Error(ErrorKind::usage, "several classes are named '", wanted, "': ", listed(found, labels),
                "; give the index instead");
  return {.index = found.front(), .taken_as = how, .others = {}, .remark = {}};
}

ClassChoice find_name(std::span<const Names> classes, std::span<const std::string> labels,
                      const std::string& name, std::string_view wanted) {
  const Matches shown = matching(classes, [&](const Names& c) { return c.is_shown_as(name); });
  const Matches synonyms = matching(classes, [&](const Names& c) { return c.has_synonym(name); });
  if (name.empty() || (shown.empty() && synonyms.empty())) {
    const Matches by_id = matching(classes, [&](const Names& c) { return c.wordnet_id == name; });
    if (!name.empty() && !by_id.empty()) return choose(by_id, TakenAs::wordnet_id, labels, wanted);
    throw Error(ErrorKind::usage, "no class is named '", wanted, "'", suggestion(classes, labels, name));
  }
  if (shown.empty()) return choose(synonyms, TakenAs::synonym, labels, wanted);
  ClassChoice choice = choose(shown, TakenAs::name, labels, wanted);
  for (const std::int64_t c : synonyms)
    if (c != choice.index) choice.others.push_back(c);
  if (!choice.others.empty())
    choice.remark =
        text("'", wanted, "' was taken as class ", listed(shown, labels), "; ", listed(choice.others, labels),
             choice.others.size() > 1 ? " have" : " has", " that name too");
  return choice;
}

/// A number, where some class may have a number for a name.
ClassChoice find_number(std::int64_t index, std::span<const Names> classes,
                        std::span<const std::string> labels, const std::string& number) {
  ClassChoice choice;
  choice.index = index;
  choice.others = matching(classes, [&](const Names& c) { return c.is_shown_as(number); });
  std::erase(choice.others, index);
  const bool numbers = std::ranges::any_of(classes, [](const Names& c) { return is_number(c.label); });
  if (numbers && !classes[static_cast<std::size_t>(index)].is_shown_as(number))
    choice.remark =
        text(number, " was taken as the index of class ", listed({index}, labels),
             choice.others.empty() ? std::string()
                                   : text("; name:", number, " means class ", listed(choice.others, labels)));
  return choice;
}

}  // namespace

std::string_view name_of(TakenAs how) {
  switch (how) {
    case TakenAs::index:
      return "index";
    case TakenAs::name:
      return "name";
    case TakenAs::synonym:
      return "synonym";
    case TakenAs::wordnet_id:
      return "wordnet_id";
  }
  throw Error(ErrorKind::internal, "a way to take a class without a name");
}

ClassChoice find_class(std::span<const std::string> labels, std::span<const std::string> wordnet_ids,
                       std::string_view wanted) {
  std::vector<Names> classes;
  for (std::size_t i = 0; i < labels.size(); ++i)
    classes.emplace_back(labels[i], wordnet_ids.empty() ? std::string_view() : wordnet_ids[i]);

  const std::string_view said = trimmed(wanted);
  if (said.starts_with(kNamePrefix)) {
    const std::string_view name = said.substr(kNamePrefix.size());
    return find_name(classes, labels, folded(name), name);
  }
  if (said.starts_with(kIndexPrefix)) {
    const auto index = index_of(folded(said.substr(kIndexPrefix.size())), labels.size());
    if (!index) refuse_index(said, labels.size());
    return {.index = *index, .taken_as = TakenAs::index, .others = {}, .remark = {}};
  }
  const std::string name = folded(said);
  if (!is_number(name)) return find_name(classes, labels, name, said);
  if (const auto index = index_of(name, labels.size())) return find_number(*index, classes, labels, name);
  if (std::ranges::none_of(classes, [&](const Names& c) { return c.has_synonym(name); }))
    refuse_index(said, labels.size());
  ClassChoice choice = find_name(classes, labels, name, said);
  choice.remark = text(said, " was taken as the name of class ", listed({choice.index}, labels),
                       ": the network has ", labels.size(), " classes, numbered from 0");
  return choice;
}

std::vector<std::string> short_names(std::span<const std::string> labels) {
  std::vector<std::string> names;
  std::map<std::string, int> first, whole;
  for (const std::string& label : labels) {
    names.push_back(label.substr(0, label.find(',')));
    ++first[folded(names.back())];
    ++whole[folded(label)];
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (first[folded(names[i])] == 1) continue;
    names[i] = labels[i];
    if (whole[folded(labels[i])] > 1) names[i] += " (" + std::to_string(i) + ")";
  }
  return names;
}

}  // namespace backlight::tools
