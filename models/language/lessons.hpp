// What heads learn from: scenes of the world with their captions, or questions with their answers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/train/kept.hpp"
#include "engine/train/trainer.hpp"
#include "models/language/language_model.hpp"
#include "models/language/question_set.hpp"
#include "models/language/questions.hpp"

namespace backlight::language {

/// Of captions N×T, kNoLabel behind the end; of questions N.
struct Lesson {
  Sample sample;
  std::vector<std::int64_t> labels;
};

/// Which scenes there are and how many of them a step takes. Of each, `each` captions are read, or as many questions as
/// that makes are asked of any scenes.
struct LessonSet {
  std::uint64_t seed = 1;
  std::int64_t scenes = 30000;
  int batch = 48, each = 2;
};

/// Lessons of a head behind a CNN that stays as it is: its maps are computed once and kept as float16. Every lesson is a
/// pure function of the set and the step.
class HeadLessons {
 public:
  /// The CNN's maps of all scenes. Throws Error(usage) for an empty set, and as KeptOutputs does.
  HeadLessons(LanguageTask task, const LessonSet& set, const Network& cnn, Context& context);

  /// The head's inputs, one map a row.
  Lesson lesson(std::int64_t step) const;

 private:
  LanguageTask task_;
  LessonSet set_;
  KeptOutputs maps_;
  std::optional<Questions> questions_;
};

/// The same for a CNN and its head from end to end: the CNN's inputs are the scenes' pictures, drawn by the context's
/// threads, each with `each` captions. Throws Error(usage) for an empty set.
Lesson caption_lesson(Context& context, const LessonSet& set, std::int64_t step);

/// Lessons of a question answerer from end to end about pictures of one's own: the CNN's inputs are pictures, drawn
/// with replacement, each with `each` of its questions. Every lesson is a pure function of all given.
class SetLessons {
 public:
  /// All must outlive it. Throws Error(usage) for a batch or `each` that is not positive.
  SetLessons(const QuestionSet& set, const Vocabulary& vocabulary, const Preprocessing& how,
             std::uint64_t seed, int batch, int each);

  /// Throws Error(bad_input) as tokens_of does.
  Lesson lesson(Context& context, std::int64_t step) const;

 private:
  const QuestionSet& set_;
  const Vocabulary& vocabulary_;
  const Preprocessing& how_;
  std::uint64_t seed_;
  int batch_, each_;
  std::vector<std::vector<std::size_t>> questions_;  ///< of every picture
};

/// Cross-entropy of the head's scores against a lesson's labels, which it copies.
LossFunction loss_of(const Network& head, LanguageTask task, std::vector<std::int64_t> labels,
                     double label_smoothing = 0);

}  // namespace backlight::language
