#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "engine/run/run.hpp"
#include "engine/train/init.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "models/language/captions.hpp"
#include "models/language/drawn.hpp"
#include "models/language/heads.hpp"
#include "models/language/lessons.hpp"
#include "models/scenes_net.hpp"
#include "support/compare.hpp"

namespace backlight::language {
namespace {

constexpr LessonSet kSet{.seed = 8, .scenes = 150, .batch = 6, .each = 2};

Network narrow_cnn() {
  Network cnn = scenes_features(2);
  initialise(cnn, 3);
  return cnn;
}

/// Its map of a scene.
Tensor map_of(const Network& cnn, Context& context, std::uint64_t scene) {
  std::vector<Scene> one = render_all(context, kSet.seed, std::vector<std::uint64_t>{scene});
  const Run run(cnn, context, input_of(context, one));
  return run.output().clone();
}

Network small_head(LanguageTask task) {
  const auto words = static_cast<std::int64_t>(all_words().size());
  const EncoderSizes encoder{.channels = 8, .layers = {12}};
  Network head = task == LanguageTask::caption ? caption_head({.encoder = encoder, .words = words})
                                               : vqa_head({.encoder = encoder,
                                                           .words = words,
                                                           .answers = kAnswers,
                                                           .word_size = 8,
                                                           .hidden = 8,
                                                           .common = 12});
  initialise(head, 2);
  open_forget_gates(head);
  return head;
}

}  // namespace

TEST_CASE("lessons: a step's captions are true of the scenes whose maps stand beside them") {
  Context one({}, 1), three({}, 3);
  const Network cnn = narrow_cnn();
  const HeadLessons lessons(LanguageTask::caption, kSet, cnn, one),
      again(LanguageTask::caption, kSet, cnn, three);
  const Lesson lesson = lessons.lesson(4), same = again.lesson(4);
  CHECK(test::same_bits(lesson.sample.inputs[0], same.sample.inputs[0]));
  CHECK(lesson.labels == same.labels);
  CHECK(lesson.labels != lessons.lesson(5).labels);
  const Tensor& maps = lesson.sample.inputs[0];
  CHECK(maps.shape() == Shape{12, 8, 12, 12});
  const auto size = static_cast<std::size_t>(maps.numel() / 12);

  const Vocabulary vocabulary = caption_vocabulary();
  const auto length = static_cast<std::size_t>(lesson.sample.inputs[1].shape()[1]);
  for (std::size_t row = 0; row < 12; ++row) {
    const auto map = maps.values().subspan(row * size, size);
    std::vector<std::int32_t> said;
    for (std::size_t t = 0; t < length && lesson.labels[row * length + t] > 0; ++t)
      said.push_back(static_cast<std::int32_t>(lesson.labels[row * length + t]));
    int found = 0;
    for (std::uint64_t scene = 0; scene < static_cast<std::uint64_t>(kSet.scenes); ++scene) {
      const std::vector<Caption> all = captions(lay_out(kSet.seed, scene));
      if (std::ranges::none_of(all,
                               [&](const Caption& c) { return joined(c.words) == vocabulary.decode(said); }))
        continue;
      const Tensor own = map_of(cnn, one, scene);
      found +=
          std::ranges::equal(own.values(), map, [](float a, float b) { return std::abs(a - b) <= 0.01f; });
    }
    CHECK(found == 1);
  }
}

TEST_CASE("lessons: questions come in all families and a head learns what it is taught") {
  Context context({}, 2);
  const Network cnn = narrow_cnn();
  for (const LanguageTask task : {LanguageTask::caption, LanguageTask::vqa}) {
    const HeadLessons lessons(task, kSet, cnn, context);
    Network head = small_head(task);
    Trainer trainer(
        head, context,
        {.steps = 60, .warmup = 3, .learning_rate = 1e-2, .optimiser = AdamOptions{.largest_norm = 5}});
    std::vector<double> losses;
    std::set<std::int64_t> labels;
    while (trainer.steps_done() < 60) {
      Lesson lesson = lessons.lesson(trainer.steps_done());
      labels.insert(lesson.labels.begin(), lesson.labels.end());
      const LossFunction loss = loss_of(head, task, std::move(lesson.labels));
      losses.push_back(trainer.step(std::move(lesson.sample), loss));
    }
    CHECK(losses.back() < 0.85 * losses.front());
    if (task == LanguageTask::vqa) CHECK(labels.size() == kAnswers);
  }
}

TEST_CASE("lessons: from end to end a picture stands beside its captions; an empty set is refused") {
  Context context({}, 2);
  Network cnn = narrow_cnn(), head = small_head(LanguageTask::caption);
  Trainer trainer(cnn, head, context, {.steps = 20, .learning_rate = 1e-2, .optimiser = AdamOptions{}});
  std::vector<double> losses;
  while (trainer.steps_done() < 20) {
    Lesson lesson = caption_lesson(context, kSet, 0);  // the same each time
    CHECK(lesson.sample.inputs[0].shape() == Shape{6, 3, 96, 96});
    CHECK(lesson.sample.head_inputs[0].shape()[0] == 12);
    const LossFunction loss = loss_of(head, LanguageTask::caption, std::move(lesson.labels));
    losses.push_back(trainer.step(std::move(lesson.sample), loss));
  }
  CHECK(losses.back() < 0.8 * losses.front());
  CHECK_THROWS_AS(caption_lesson(context, {.batch = 0}, 0), Error);
  CHECK_THROWS_AS(HeadLessons(LanguageTask::vqa, {.scenes = 0}, cnn, context), Error);
}

}  // namespace backlight::language
