#include "models/labels/label_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "engine/core/error.hpp"
#include "weights/numbers.hpp"
#include "weights/pickle.hpp"

namespace backlight {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20, kMaxNameBytes = 1000;
constexpr std::int64_t kMaxClasses = 1'000'000;
constexpr const char* kSpace = " \t\r\n";
constexpr const char* kForms =
    R"(expected ["cat", "dog"], {"0": "cat"}, {"cat": 0} or {"0": ["n02123045", "tabby"]})";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

/// Collects names by index and sees that none is missing, twice there, empty or beyond reason.
class Collector {
 public:
  explicit Collector(const std::string& where) : where_(where) {}

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw Error(ErrorKind::bad_input, where_, ": ", parts...);
  }

  void add(std::int64_t index, std::string_view name, std::string_view wordnet_id = {}) {
    if (index < 0 || index >= kMaxClasses) refuse("the index ", index, " of a class is out of range");
    const std::string_view kept = trimmed(name);
    if (kept.empty()) refuse("the name of class ", index, " is empty");
    if (std::ranges::any_of(kept, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
      refuse("the name of class ", index, " holds a control character: \"", weights::printable(kept), "\"");
    if (kept.size() > kMaxNameBytes)
      refuse("the name of class ", index, " has ", kept.size(), " bytes, expected at most ", kMaxNameBytes);
    if (!by_index_.emplace(index, Entry{std::string(kept), std::string(wordnet_id)}).second)
      refuse("class ", index, " has two names, '", by_index_[index].name, "' and '", kept, "'");
  }

  ClassNames finish(std::int64_t outputs) const {
    const auto count = static_cast<std::int64_t>(by_index_.size());
    if (outputs == 1 && count == 1) return both_outcomes(by_index_.begin()->second.name);
    const std::int64_t num_classes = classes_of(outputs);
    if (num_classes > 0 && count != num_classes)
      refuse("has ", count, " class names, the network has ", num_classes, " classes");
    if (count == 0) refuse("has no class names");
    ClassNames classes;
    bool ids = true;
    for (const auto& [index, entry] : by_index_) {
      if (index != static_cast<std::int64_t>(classes.names.size()))
        refuse("class ", classes.names.size(), " has no name, though class ", index,
               " has: indices count from 0 without gaps");
      classes.names.push_back(entry.name);
      classes.wordnet_ids.push_back(entry.wordnet_id);
      ids = ids && !entry.wordnet_id.empty();
    }
    if (!ids) classes.wordnet_ids.clear();
    return classes;
  }

 private:
  struct Entry {
    std::string name, wordnet_id;
  };
  static ClassNames both_outcomes(const std::string& name) {
    ClassNames classes;
    classes.names = {text("no ", name), name};
    return classes;
  }

  const std::string& where_;
  std::map<std::int64_t, Entry> by_index_;
};

/// A name, or a WordNet id and a name.
void add_value(Collector& into, std::int64_t index, const Json& value) {
  const bool pair = value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string();
  if (pair && is_wordnet_id(value[0].get_ref<const std::string&>()))
    into.add(index, value[1].get_ref<const std::string&>(), value[0].get_ref<const std::string&>());
  else if (value.is_string())
    into.add(index, value.get_ref<const std::string&>());
  else
    into.refuse("begins like JSON, but what it has for class ", index, " is no name; ", kForms);
}

/// An object's members, by index whichever side has it. A number beside a text decides by its type, so that
/// `{"7": 0}` names class 0 "7" and `{"7": "0"}` names class 7 "0".
void add_members(Collector& into, const Json& object) {
  const bool name_first = std::ranges::all_of(object, [](const Json& v) { return v.is_number_integer(); });
  for (const auto& [key, value] : object.items()) {
    if (name_first) {
      into.add(value.get<std::int64_t>(), key);
    } else {
      const auto index = weights::number_in<std::int64_t>(key);
      if (!index)
        into.refuse("begins like JSON, but '", weights::printable(key), "' is no index of a class; ", kForms);
      add_value(into, *index, value);
    }
  }
}

/// nlohmann's parser keeps one of two members of the same name: here that is an error.
Json parse_json(std::string_view text, const Collector& into) {
  std::vector<std::unordered_set<std::string>> members;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) members.emplace_back();
    if (event == Json::parse_event_t::object_end) members.pop_back();
    if (event == Json::parse_event_t::key && !members.back().insert(value.get<std::string>()).second)
      into.refuse("'", weights::printable(value.get<std::string>()), "' appears twice");
    return true;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded()) into.refuse("begins like JSON but is not; ", kForms);
  return json;
}

void add_json(Collector& into, std::string_view text) {
  Json json = parse_json(text, into);
  if (json.is_object() && json.contains("id2label")) json = Json(json["id2label"]);
  if (json.is_object() && json.contains("ix_to_word")) {
    json = Json(json["ix_to_word"]);
    if (json.is_object() && !json.contains("0")) json["0"] = "<pad>";
  }
  if (json.is_object()) {
    add_members(into, json);
  } else {
    std::int64_t index = 0;
    for (const Json& value : json) add_value(into, index++, value);
  }
}

/// Lines ended by "\n", "\r\n" or "\r", without the empty ones at the end.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(trimmed(text.substr(0, end)));
    text.remove_prefix(end);
    if (!text.empty()) text.remove_prefix(text.starts_with("\r\n") ? 2 : 1);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void add_lines(Collector& into, std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  const auto id_of = [](std::string_view line) { return line.substr(0, line.find_first_of(" \t,")); };
  const bool ids = std::ranges::all_of(lines, [&](auto line) { return is_wordnet_id(id_of(line)); });
  std::int64_t index = 0;
  for (const std::string_view line : lines) {
    const std::string_view id = ids ? id_of(line) : std::string_view();
    const std::string_view name =
        line.substr(std::min(line.find_first_not_of(" \t,", id.size()), line.size()));
    into.add(index++, !ids || name.empty() ? line : name, id);
  }
}

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

}  // namespace

bool is_wordnet_id(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 9 && text.front() == 'n' && std::ranges::all_of(text.substr(1), is_digit);
}

ClassNames parse_labels(std::string_view text, const std::string& where, std::int64_t outputs) {
  Collector collector(where);
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    collector.refuse("is UTF-16 text; save it as UTF-8");
  if (!is_utf8(text) || text.find('\0') != text.npos)
    collector.refuse("is not UTF-8 text, expected names of classes; save it as UTF-8");
  const std::string_view content = trimmed(text);
  if (content.starts_with('[') || content.starts_with('{'))
    add_json(collector, content);
  else
    add_lines(collector, text);
  return collector.finish(outputs);
}

ClassNames read_labels(const std::filesystem::path& path, std::int64_t outputs) {
  std::ifstream in(path, std::ios::binary);
  std::string content;
  std::array<char, 65536> part;
  do {
    in.read(part.data(), part.size());
    content.append(part.data(), static_cast<std::size_t>(in.gcount()));
  } while (in && content.size() <= kMaxFileBytes);
  // Reading to the end sets failbit too: only a stream that never opened, or broke, is an error.
  if (!in.is_open() || in.bad())
    throw Error(ErrorKind::bad_input, path.string(), ": cannot be read, expected a file of class names");
  if (content.size() > kMaxFileBytes)
    throw Error(ErrorKind::bad_input, path.string(), ": larger than 16 MiB, expected a list of class names");
  return parse_labels(content, path.string(), outputs);
}

std::string labels_json(const ClassNames& classes) {
  Json list = Json::array();
  for (std::size_t i = 0; i < classes.names.size(); ++i)
    if (classes.wordnet_ids.empty())
      list.push_back(classes.names[i]);
    else
      list.push_back({classes.wordnet_ids[i], classes.names[i]});
  return list.dump();
}

}  // namespace backlight
