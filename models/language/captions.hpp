// The captions that are true of a scene, and what each of their words is about.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/language/vocabulary.hpp"
#include "models/language/world.hpp"

namespace backlight::language {

/// What a caption says: `a SIZE COLOUR NOUN`, `two|three COLOUR NOUNS`, or `a COLOUR NOUN left of|right
/// of|above|below a COLOUR NOUN`.
struct Statement {
  Thing subject;
  int number = 1;                         ///< index into kNumbers
  std::optional<int> size = {};           ///< index into kSizes; of one thing alone
  std::optional<Relation> relation = {};  ///< of the subject, as seen from `object`
  Thing object = {};

  friend bool operator==(const Statement&, const Statement&) = default;
};

struct Caption {
  Statement statement;
  std::vector<std::string_view> words = {};  ///< at most eight
  /// What each word is about: `a` nothing, a relation both objects, a number, its plural and their colour all.
  std::vector<ObjectSet> evidence = {};

  void say(std::string_view word, ObjectSet about) {
    words.push_back(word);
    evidence.push_back(about);
  }
};

/// Every true one: 1, of a pair 2, of a triple 6, each of which leaves one object out.
std::vector<Caption> captions(const Layout& layout);

/// What a caption says, whether or not it is true of a scene; nothing for words that are no caption.
std::optional<Statement> parse(std::span<const std::string_view> words);

/// The words of a relation: `left of`, `right of`, `above`, `below`.
std::span<const std::string_view> words_of(Relation relation);

/// With blanks between them.
std::string joined(std::span<const std::string_view> words);

/// The words of captions and questions by their ids: 0 is padding, and ends a caption, 1 begins one.
std::vector<std::string> all_words();

/// Of captions: nine tokens, the end included.
Vocabulary caption_vocabulary();

}  // namespace backlight::language
