#include "models/language/lessons.hpp"

#include <algorithm>
#include <utility>

#include "engine/core/random.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "models/language/drawn.hpp"
#include "models/language/rows.hpp"

namespace backlight::language {
namespace {

constexpr std::uint64_t kLessonPurpose = 91, kSetPurpose = 92, kAskedPurpose = 93;

const LessonSet& checked(const LessonSet& set) {
  if (set.batch < 1 || set.each < 1 || set.scenes < 1)
    throw Error(ErrorKind::usage, "lessons of ", set.batch, " out of ", set.scenes, " scenes, ", set.each,
                " of each, were asked for, expected at least one of all");
  return set;
}

/// Those of a step, drawn with replacement.
std::vector<std::uint64_t> scenes_of(const LessonSet& set, std::int64_t step) {
  std::vector<std::uint64_t> scenes;
  for (int n = 0; n < set.batch; ++n)
    scenes.push_back(
        random_bits(random_bits(set.seed, kLessonPurpose), static_cast<std::uint64_t>(step * set.batch + n)) %
        static_cast<std::uint64_t>(set.scenes));
  return scenes;
}

Rows captions_of(const LessonSet& set, std::span<const std::uint64_t> scenes, std::int64_t step) {
  return caption_rows(set.seed, scenes, set.each, static_cast<std::uint64_t>(step));
}

KeptOutputs maps_of(const LessonSet& set, const Network& cnn, Context& context) {
  return KeptOutputs(cnn, context, set.scenes, [&](std::int64_t first, std::int64_t n) {
    std::vector<std::uint64_t> indices;
    for (std::int64_t i = first; i < first + n; ++i) indices.push_back(static_cast<std::uint64_t>(i));
    std::vector<Scene> scenes = render_all(context, set.seed, indices);
    return input_of(context, scenes);
  });
}

}  // namespace

HeadLessons::HeadLessons(LanguageTask task, const LessonSet& set, const Network& cnn, Context& context)
    : task_(task), set_(checked(set)), maps_(maps_of(set_, cnn, context)) {
  if (task != LanguageTask::caption) questions_.emplace(set.seed, set.scenes);
}

Lesson HeadLessons::lesson(std::int64_t step) const {
  std::vector<std::int64_t> scenes;
  Rows rows;
  if (questions_) {
    std::vector<Question> asked;
    const std::int64_t count = std::int64_t{set_.batch} * set_.each;
    for (std::int64_t i = 0; i < count; ++i) {
      const Questions::Asked one = questions_->at(static_cast<std::uint64_t>(step * count + i));
      scenes.push_back(static_cast<std::int64_t>(one.scene));
      asked.push_back(one.question);
    }
    rows = question_rows(asked);
  } else {
    const std::vector<std::uint64_t> chosen = scenes_of(set_, step);
    for (const std::uint64_t scene : chosen)
      scenes.insert(scenes.end(), static_cast<std::size_t>(set_.each), static_cast<std::int64_t>(scene));
    rows = captions_of(set_, chosen, step);
  }
  Lesson lesson;
  lesson.sample.inputs = tensors(maps_.rows(scenes));
  lesson.sample.inputs.push_back(std::move(rows.tokens));
  lesson.labels = std::move(rows.labels);
  return lesson;
}

Lesson caption_lesson(Context& context, const LessonSet& set, std::int64_t step) {
  const std::vector<std::uint64_t> chosen = scenes_of(checked(set), step);
  std::vector<Scene> scenes = render_all(context, set.seed, chosen);
  Rows rows = captions_of(set, chosen, step);
  Lesson lesson;
  lesson.sample.inputs = tensors(input_of(context, scenes));
  lesson.sample.head_inputs = tensors(std::move(rows.tokens));
  lesson.sample.head_rows = set.each;
  lesson.labels = std::move(rows.labels);
  return lesson;
}

SetLessons::SetLessons(const QuestionSet& set, const Vocabulary& vocabulary, const Preprocessing& how,
                       std::uint64_t seed, int batch, int each)
    : set_(set),
      vocabulary_(vocabulary),
      how_(how),
      seed_(seed),
      batch_(batch),
      each_(each),
      questions_(set.pictures.size()) {
  if (batch < 1 || each < 1)
    throw Error(ErrorKind::usage, "lessons of ", batch, " pictures with ", each,
                " questions each were asked for, expected at least one of both");
  for (std::size_t i = 0; i < set.questions.size(); ++i) questions_[set.questions[i].picture].push_back(i);
}

Lesson SetLessons::lesson(Context& context, std::int64_t step) const {
  const auto drawn = [&](std::uint64_t purpose, std::int64_t i, std::size_t count) {
    return random_bits(random_bits(seed_, purpose), static_cast<std::uint64_t>(i)) % count;
  };
  const std::int64_t rows = std::int64_t{batch_} * each_, length = vocabulary_.max_length();
  Tensor tokens({rows, length}, DType::i32);
  std::vector<std::size_t> pictures;
  Lesson lesson;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (row % each_ == 0)
      pictures.push_back(drawn(kSetPurpose, step * batch_ + row / each_, set_.pictures.size()));
    const std::vector<std::size_t>& asked = questions_[pictures.back()];
    const std::size_t question = asked[drawn(kAskedPurpose, step * rows + row, asked.size())];
    std::ranges::copy(tokens_of(vocabulary_, set_, question), tokens.data<std::int32_t>() + row * length);
    lesson.labels.push_back(answer_of(vocabulary_, set_, question).value());
  }
  lesson.sample.inputs = tensors(input_of(context, set_, how_, pictures));
  lesson.sample.head_inputs = tensors(std::move(tokens));
  lesson.sample.head_rows = each_;
  return lesson;
}

LossFunction loss_of(const Network& head, LanguageTask task, std::vector<std::int64_t> labels,
                     double label_smoothing) {
  return [output = head.output(), task, own = std::move(labels), label_smoothing](Context& context,
                                                                                  const Run& run) {
    CrossEntropy loss = task == LanguageTask::caption
                            ? sequence_cross_entropy(context, run.output(), own, label_smoothing)
                            : cross_entropy(context, run.output(), own, label_smoothing);
    Loss result{loss.loss, {}};
    result.seeds.push_back({output, std::move(loss.dlogits)});
    return result;
  };
}

}  // namespace backlight::language
