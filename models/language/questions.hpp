// Questions about scenes, with their answers and what is the evidence for them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "models/language/vocabulary.hpp"
#include "models/language/world.hpp"

namespace backlight::language {

enum class Family : std::uint8_t { exist, exist_colour, colour, which, relation, where, count, verify };
inline constexpr int kFamilies = 8;

/// "exist", "exist-colour", "colour", "which", "relation", "where", "count", "verify".
std::string_view name_of(Family family);

/// What can be answered: yes, no, the colours, the nouns, left, right, top, bottom, the numbers.
inline constexpr int kAnswers = 26;
std::span<const std::string_view> answers();
/// Those of a family are consecutive; `first` is an index into answers().
struct AnswerRange {
  int first = 0, count = 0;
};
AnswerRange answers_of(Family family);

/// | family       | words                        | evidence                          |
/// |--------------|------------------------------|-----------------------------------|
/// | exist        | is there a N                 | every N; none where there is none |
/// | exist_colour | is there a C N               | every C N; none likewise          |
/// | colour       | what colour is the N         | the object                        |
/// | which        | what is the C object         | the object                        |
/// | relation     | what is left of the N        | the object that is the answer     |
/// | where        | where is the N               | the object                        |
/// | count        | how many Ns are there        | all of them                       |
/// | verify       | is the N left of the N       | both                              |
struct Question {
  Family family = Family::exist;
  Thing thing = {};        ///< its noun or colour, as far as the words have one
  Relation relation = {};  ///< in relation and verify
  int other = 0;           ///< verify: the noun at the end
  int answer = 0;          ///< index into answers()
  ObjectSet evidence = 0;

  friend bool operator==(const Question&, const Question&) = default;
};

/// At most eight.
std::vector<std::string_view> words_of(const Question& question);

/// Of questions and their answers: eight tokens.
Vocabulary question_vocabulary();

/// Every question of a family that has one answer in the scene. Those whose object is repeated are left out where the
/// words say `the`; `where` asks for what is clearly on one side of the middle.
std::vector<Question> questions(const Layout& layout, Family family);

/// One of those with this answer, of the scene (seed, index); nothing where there is none. Half of the `no` of
/// exist_colour name a colour and a noun that are there, though not together, where the scene has them.
std::optional<Question> ask(const Layout& layout, Family family, int answer, std::uint64_t seed,
                            std::uint64_t index);

/// One question of every family that suits the scene, each with one of the answers that it can have there.
std::vector<Question> ask_one_each(const Layout& layout, std::uint64_t seed, std::uint64_t index);

/// Any number of questions about the scenes 0 … scenes − 1 of a seed.
class Questions {
 public:
  /// Throws Error(usage) when an answer suits none of the scenes; a few hundred have them all.
  Questions(std::uint64_t seed, std::int64_t scenes);

  struct Asked {
    std::uint64_t scene = 0;
    Question question;
  };
  /// A pure function of the seed, the number of scenes and `index`. Families take turns, within a family its answers,
  /// so that all are equally frequent; every scene that suits the answer is equally likely.
  Asked at(std::uint64_t index) const;

 private:
  std::uint64_t seed_;
  std::array<std::array<std::vector<std::uint32_t>, kAnswers>, kFamilies>
      scenes_;  ///< that suit family and answer
};

}  // namespace backlight::language
