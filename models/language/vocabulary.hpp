// The words that a network of captions or questions knows, and the answers that it gives, by their ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace backlight::language {

/// Ids that are no words. Several may be one.
struct SpecialIds {
  std::int32_t pad = 0;    ///< behind the end of a shorter text
  std::int32_t start = 1;  ///< before the first word
  std::int32_t end = 0;    ///< behind the last one
  std::optional<std::int32_t> unknown = {};

  friend bool operator==(const SpecialIds&, const SpecialIds&) = default;
};

/// Lower case (of ASCII), ASCII's punctuation taken out, split at blanks.
std::vector<std::string> words_in(std::string_view text);

enum class UnknownWords : std::uint8_t { refuse, as_unknown };

/// How often a network's tensors have words and answers: rows of the embedding, and of the last layer.
struct VocabularySizes {
  std::int64_t words = 0, answers = 0;
};

class Vocabulary {
 public:
  /// Index = id. `max_length`: the most tokens of a text. Throws Error(bad_input) beginning with `where` for no
  /// words, one that is empty or appears twice, text that is not UTF-8, a special id or a length out of range.
  Vocabulary(std::vector<std::string> words, std::vector<std::string> answers, const SpecialIds& special,
             std::int64_t max_length, const std::string& where = "vocabulary");

  const std::vector<std::string>& words() const { return words_; }
  const std::vector<std::string>& answers() const { return answers_; }
  const SpecialIds& special() const { return special_; }
  std::int64_t max_length() const { return max_length_; }

  /// The tokens of a text, without start, end and padding: of words_in, but that punctuation which is a word here is
  /// read as one. Throws Error(usage) naming the word that is unknown, with near matches, and for text without words or with more than max_length().
  /// `as_unknown` stands for unknown words where there is such an id.
  std::vector<std::int32_t> encode(std::string_view text, UnknownWords unknown = UnknownWords::refuse) const;
  /// Words up to the first end or padding, with blanks between them; a start is left out. Throws Error(usage) for a
  /// token that is no id.
  std::string decode(std::span<const std::int32_t> tokens) const;
  /// The id of an answer, in any case. Throws Error(usage) with near matches.
  std::int32_t answer(std::string_view text) const;

  /// `vocabulary`, `answers` (where there are any), `special`, `max_length`, for a safetensors file's `__metadata__`.
  std::map<std::string, std::string> metadata() const;
  /// What metadata() wrote. Throws Error(bad_input) naming file and key for what is missing, is of another form or does
  /// not fit `sizes`.
  static Vocabulary from_metadata(const std::filesystem::path& file,
                                  const std::map<std::string, std::string>& metadata,
                                  const VocabularySizes& sizes);

  friend bool operator==(const Vocabulary&, const Vocabulary&) = default;

 private:
  std::vector<std::string> known_words_in(std::string_view text) const;

  std::vector<std::string> words_, answers_;
  SpecialIds special_;
  std::int64_t max_length_ = 0;
  std::unordered_map<std::string, std::int32_t> ids_;  ///< of words that can be said
};

/// Words by their ids, from a file that comes beside a network: JSON, a list or an object `{"0": "a"}`; an object
/// with `ix_to_word`, whose ids count from 1, 0 being `<pad>`; text with a word a line; or a pickle in which a
/// dictionary has such a dictionary as `idx2word`, `ix_to_word` or `vocab`, of which only data is read. Throws
/// Error(bad_input) naming the file.
std::vector<std::string> read_words(const std::filesystem::path& path);

}  // namespace backlight::language
