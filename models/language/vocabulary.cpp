#include "models/language/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/core/error.hpp"
#include "engine/core/nearest.hpp"
#include "models/labels/label_file.hpp"
#include "weights/file_bytes.hpp"
#include "weights/numbers.hpp"
#include "weights/pickle.hpp"

namespace backlight::language {
namespace {

using Json = nlohmann::json;
using weights::printable;

constexpr std::int64_t kLongest = 1'000'000;

/// ASCII's, in the C locale.
bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

void require_distinct(const std::vector<std::string>& names, const char* what, const std::string& where) {
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) throw Error(ErrorKind::bad_input, where, ": the ", what, " ", i, " is empty");
    if (const auto [first, fresh] = seen.emplace(names[i], i); !fresh)
      throw Error(ErrorKind::bad_input, where, ": the ", what, "s ", first->second, " and ", i,
                  " are both \"", printable(names[i]), "\"");
  }
}

/// Throws Error(bad_input) where a text is not UTF-8.
std::string list_json(const std::vector<std::string>& names, const std::string& where) {
  try {
    return Json(names).dump();
  } catch (const Json::type_error&) {
    throw Error(ErrorKind::bad_input, where, ": not every word is UTF-8");
  }
}

/// The parts of a file's metadata.
class MetadataReader {
 public:
  MetadataReader(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata)
      : file_(file.string()), metadata_(metadata) {}

  std::string where(const std::string& key) const { return file_ + ": metadata '" + key + "'"; }
  bool has(const std::string& key) const { return metadata_.contains(key); }
  const std::string& text(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end())
      throw Error(ErrorKind::bad_input, where(key),
                  " is missing, expected the file of a network with a vocabulary");
    return found->second;
  }
  std::vector<std::string> list(const std::string& key, std::int64_t size) const {
    const Json json = Json::parse(text(key), nullptr, /*allow_exceptions=*/false);
    if (!json.is_array() || !std::ranges::all_of(json, [](const Json& each) { return each.is_string(); }))
      refuse(key, "a JSON list of texts");
    if (std::cmp_not_equal(json.size(), size))
      throw Error(ErrorKind::bad_input, where(key), " has ", json.size(), " entries, the network has ", size);
    return json.get<std::vector<std::string>>();
  }
  SpecialIds special() const {
    constexpr const char* kForm = R"({"pad": 0, "start": 1, "end": 0}, and "unk" where there is one)";
    const Json json = Json::parse(text("special"), nullptr, false);
    if (!json.is_object() || !json.contains("pad") || !json.contains("start") || !json.contains("end"))
      refuse("special", kForm);
    SpecialIds ids;
    for (const auto& [name, value] : json.items()) {
      if (!value.is_number_unsigned() || !std::in_range<std::int32_t>(value.get<std::uint64_t>()))
        refuse("special", kForm);
      const auto id = value.get<std::int32_t>();
      if (name == "pad")
        ids.pad = id;
      else if (name == "start")
        ids.start = id;
      else if (name == "end")
        ids.end = id;
      else if (name == "unk")
        ids.unknown = id;
      else
        refuse("special", kForm);
    }
    return ids;
  }
  std::int64_t length() const {
    const auto length = weights::number_in<std::int64_t>(text("max_length"));
    if (!length) refuse("max_length", "a number");
    return *length;
  }

 private:
  [[noreturn]] void refuse(const std::string& key, const char* expected) const {
    throw Error(ErrorKind::bad_input, where(key), " is ", printable(text(key)), ", expected ", expected);
  }

  std::string file_;
  const std::map<std::string, std::string>& metadata_;
};

weights::Pickle read_pickle(weights::ByteReader& in, const std::string& where) {
  try {
    return unpickle(in, {});
  } catch (const Error& error) {
    throw Error(error.kind(), where, ": ", error.what());
  }
}

constexpr std::array<std::string_view, 3> kTables{"idx2word", "ix_to_word", "vocab"};

/// A number, or a text that is one.
std::optional<std::int64_t> id_of(const weights::PickleNode& key) {
  if (key.kind == weights::PickleKind::integer) return key.integer;
  if (key.kind == weights::PickleKind::string) return weights::number_in<std::int64_t>(key.text);
  return std::nullopt;
}

/// Python 2 began with a dictionary or an object in text, protocols from 2 on with a byte that is none.
bool is_pickle(std::string_view content) {
  return content.starts_with('\x80') || content.starts_with("(dp") || content.starts_with("ccopy_reg\n");
}

/// The table of words of the first dictionary that has one.
std::vector<std::string> words_of_pickle(std::span<const std::byte> bytes, const std::string& where) {
  using weights::PickleKind, weights::PickleNode;
  weights::ByteReader in(bytes, "the pickle");
  const weights::Pickle pickle = read_pickle(in, where);
  const auto member = [&](const PickleNode& dict, std::string_view name) -> const PickleNode* {
    for (std::size_t i = 0; dict.kind == PickleKind::dict && i + 1 < dict.items.size(); i += 2)
      if (const auto& key = pickle[dict.items[i]]; key.kind == PickleKind::string && key.text == name)
        return &pickle[dict.items[i + 1]];
    return nullptr;
  };
  for (const PickleNode& node : pickle.nodes) {
    for (const std::string_view name : kTables) {
      const PickleNode* list = member(node, name);
      if (!list || list->kind != PickleKind::dict) continue;
      std::map<std::int64_t, std::string_view> by_id;
      for (std::size_t i = 0; i + 1 < list->items.size(); i += 2) {
        const PickleNode& word = pickle[list->items[i + 1]];
        const auto id = id_of(pickle[list->items[i]]);
        if (!id || word.kind != PickleKind::string || !by_id.emplace(*id, word.text).second)
          throw Error(ErrorKind::bad_input, where, ": `", name,
                      "` has an entry that is no id of its own and a word");
      }
      if (name != "idx2word") by_id.emplace(0, "<pad>");  // where ids count from 1
      std::vector<std::string> words;
      for (const auto& [id, word] : by_id) {
        if (std::cmp_not_equal(id, words.size()))
          throw Error(ErrorKind::bad_input, where, ": `", name, "` has no word ", words.size(), ", but ", id);
        words.emplace_back(word);
      }
      require_distinct(words, "word", where);
      return words;
    }
  }
  throw Error(ErrorKind::bad_input, where,
              ": a pickle without `idx2word`, `ix_to_word` or `vocab`, expected that of a vocabulary");
}

}  // namespace

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (is_blank(c))
      words.emplace_back();
    else if (!is_punctuation(c))
      words.back() += lower(c);
  }
  std::erase(words, "");
  return words;
}

Vocabulary::Vocabulary(std::vector<std::string> words, std::vector<std::string> answers,
                       const SpecialIds& special, std::int64_t max_length, const std::string& where)
    : words_(std::move(words)), answers_(std::move(answers)), special_(special), max_length_(max_length) {
  require_distinct(words_, "word", where);
  require_distinct(answers_, "answer", where);
  list_json(words_, where), list_json(answers_, where);
  const auto count = static_cast<std::int64_t>(words_.size());
  for (const std::int64_t id : {special.pad, special.start, special.end, special.unknown.value_or(0)})
    if (id < 0 || id >= count)
      throw Error(ErrorKind::bad_input, where, ": the special id ", id, " is none of ", count, " words");
  if (max_length < 1 || max_length > kLongest)
    throw Error(ErrorKind::bad_input, where, ": the longest text has ", max_length, " tokens, expected 1 to ",
                kLongest);
  for (std::int32_t id = 0; id < count; ++id)
    if (id != special.pad && id != special.start && id != special.end && id != special.unknown)
      ids_.emplace(words_[static_cast<std::size_t>(id)], id);
}

std::vector<std::string> Vocabulary::known_words_in(std::string_view text) const {
  std::vector<std::string> words;
  const std::string all = lowered(text);
  const auto end_of = [](std::string_view rest, auto is_of) {
    return rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of) - rest.begin()));
  };
  for (std::string_view rest = all; !rest.empty();) {
    rest.remove_prefix(end_of(rest, is_blank).size());
    std::string_view piece = end_of(rest, [](char c) { return !is_blank(c); });
    rest.remove_prefix(piece.size());
    if (ids_.contains(std::string(piece))) {
      words.emplace_back(piece);
      continue;
    }
    words.emplace_back();
    while (!piece.empty()) {
      const bool punctuation = is_punctuation(piece.front());
      const std::string run(end_of(piece, [=](char c) { return is_punctuation(c) == punctuation; }));
      piece.remove_prefix(run.size());
      if (!punctuation)
        words.back() += run;
      else if (ids_.contains(run))
        words.insert(words.end(), {run, ""});
    }
  }
  std::erase(words, "");
  return words;
}

std::vector<std::int32_t> Vocabulary::encode(std::string_view text, UnknownWords unknown) const {
  std::vector<std::int32_t> tokens;
  for (const std::string& word : known_words_in(text)) {
    if (std::cmp_equal(tokens.size(), max_length_))
      throw Error(ErrorKind::usage, "\"", printable(text), "\" has more than ", max_length_,
                  " words, which is all that the network takes");
    if (const auto found = ids_.find(word); found != ids_.end()) {
      tokens.push_back(found->second);
    } else if (unknown == UnknownWords::as_unknown && special_.unknown) {
      tokens.push_back(*special_.unknown);
    } else {
      std::vector<std::string> sayable;
      for (const std::string& each : words_)
        if (ids_.contains(each)) sayable.push_back(each);
      throw Error(ErrorKind::usage, "the network does not know the word \"", printable(word), "\"",
                  did_you_mean(word, sayable));
    }
  }
  if (tokens.empty()) throw Error(ErrorKind::usage, "\"", printable(text), "\" has no words");
  return tokens;
}

std::string Vocabulary::decode(std::span<const std::int32_t> tokens) const {
  std::string text;
  for (const std::int32_t token : tokens) {
    if (token < 0 || std::cmp_greater_equal(token, words_.size()))
      throw Error(ErrorKind::usage, "the token ", token, " is none of ", words_.size(), " words");
    if (token == special_.end || token == special_.pad) break;
    if (token == special_.start) continue;
    if (!text.empty()) text += ' ';
    text += words_[static_cast<std::size_t>(token)];
  }
  return text;
}

std::int32_t Vocabulary::answer(std::string_view text) const {
  const auto found =
      std::ranges::find_if(answers_, [&](const std::string& each) { return lowered(each) == lowered(text); });
  if (found == answers_.end())
    throw Error(ErrorKind::usage, "the network does not know the answer \"", printable(text), "\"",
                did_you_mean(text, answers_));
  return static_cast<std::int32_t>(found - answers_.begin());
}

std::map<std::string, std::string> Vocabulary::metadata() const {
  Json special = {{"pad", special_.pad}, {"start", special_.start}, {"end", special_.end}};
  if (special_.unknown) special["unk"] = *special_.unknown;
  std::map<std::string, std::string> all = {{"vocabulary", Json(words_).dump()},
                                            {"special", special.dump()},
                                            {"max_length", std::to_string(max_length_)}};
  if (!answers_.empty()) all["answers"] = Json(answers_).dump();
  return all;
}

Vocabulary Vocabulary::from_metadata(const std::filesystem::path& file,
                                     const std::map<std::string, std::string>& metadata,
                                     const VocabularySizes& sizes) {
  const MetadataReader in(file, metadata);
  std::vector<std::string> answers;
  if (sizes.answers > 0 || in.has("answers")) answers = in.list("answers", sizes.answers);
  return {in.list("vocabulary", sizes.words), std::move(answers), in.special(), in.length(), file.string()};
}

std::vector<std::string> read_words(const std::filesystem::path& path) {
  const weights::FileBytes file = weights::open_file(path);
  std::vector<std::string> words;
  if (is_pickle(weights::as_text(file.bytes()))) {
    words = words_of_pickle(file.bytes(), path.string());
  } else {
    words = read_labels(path, 0).names;
    require_distinct(words, "word", path.string());
  }
  return words;
}

}  // namespace backlight::language
