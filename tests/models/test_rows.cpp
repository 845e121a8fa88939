// Captions and questions as tokens and labels, and heads that learn them.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "engine/train/init.hpp"
#include "engine/train/trainer.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "models/language/captions.hpp"
#include "models/language/heads.hpp"
#include "models/language/rows.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes_net.hpp"

namespace backlight::language {
namespace {

constexpr std::uint64_t kSeed = 6;

std::vector<std::int32_t> row_of(const Tensor& tokens, std::int64_t n) {
  const std::int64_t length = tokens.shape()[1];
  const std::int32_t* row = tokens.data<std::int32_t>() + n * length;
  return {row, row + length};
}

Tensor pictures(Context& context, std::span<const std::uint64_t> scenes) {
  std::vector<Image> images;
  for (const std::uint64_t scene : scenes) images.push_back(render(kSeed, scene).image);
  return scenes::to_input(context, images);
}

/// Steps of a small CNN with its head, the same sample in each; the first and the last loss.
std::pair<double, double> learn(Network head, double learning_rate, std::span<const std::uint64_t> scenes,
                                const Rows& rows, bool sequences) {
  constexpr std::int64_t kSteps = 40;
  Context context({}, 2);
  Network cnn = scenes_features(4);
  initialise(cnn, 1);
  initialise(head, 1);
  open_forget_gates(head);
  Trainer trainer(cnn, head, context,
                  {.steps = kSteps,
                   .warmup = 3,
                   .learning_rate = learning_rate,
                   .optimiser = AdamOptions{.largest_norm = 5}});
  const Tensor x = pictures(context, scenes);
  std::vector<double> losses;
  while (trainer.steps_done() < kSteps) {
    Sample sample{tensors(x.clone()), tensors(rows.tokens.clone()), rows.tokens.shape()[0] / x.shape()[0]};
    losses.push_back(trainer.step(std::move(sample), [&](Context& on, const Run& run) {
      CrossEntropy loss = sequences ? sequence_cross_entropy(on, run.output(), rows.labels)
                                    : cross_entropy(on, run.output(), rows.labels);
      Loss result{loss.loss, {}};
      result.seeds.push_back({head.output(), std::move(loss.dlogits)});
      return result;
    }));
  }
  return {losses.front(), losses.back()};
}

}  // namespace

TEST_CASE("rows: a caption's tokens begin with the start, its labels are the words behind them and the end") {
  const std::vector<std::uint64_t> scenes{3, 4, 5, 6, 7, 8};
  const Rows rows = caption_rows(kSeed, scenes, 3, 11);
  CHECK(rows.tokens.shape() == Shape{18, 9});
  REQUIRE(rows.labels.size() == 18 * 9);
  const Vocabulary words = caption_vocabulary();
  std::set<std::string> said;
  for (std::int64_t n = 0; n < 18; ++n) {
    const auto tokens = row_of(rows.tokens, n);
    const std::string text = words.decode(tokens);
    const auto all = captions(lay_out(kSeed, scenes[static_cast<std::size_t>(n / 3)]));
    CHECK(std::ranges::any_of(all, [&](const Caption& caption) { return joined(caption.words) == text; }));
    said.insert(text);
    CHECK(tokens[0] == 1);
    bool ended = false;
    for (std::size_t t = 0; t < 9; ++t) {
      const std::int64_t label = rows.labels[static_cast<std::size_t>(n) * 9 + t];
      CHECK(label == (ended ? kNoLabel : t + 1 < 9 ? tokens[t + 1] : 0));
      ended = ended || label == 0;
    }
    CHECK(ended);
  }
  CHECK(said.size() > scenes.size());  // several of one scene
  const auto same = [&](std::uint64_t draw) {
    return std::ranges::equal(rows.tokens.values<std::int32_t>(),
                              caption_rows(kSeed, scenes, 3, draw).tokens.values<std::int32_t>());
  };
  CHECK(same(11));
  CHECK_FALSE(same(12));
}

TEST_CASE("rows: questions are padded to one length, and their answers are the labels") {
  const Questions questions(kSeed, 400);
  std::vector<Question> asked;
  for (std::uint64_t i = 0; i < 16; ++i) asked.push_back(questions.at(i).question);
  const Rows rows = question_rows(asked);
  CHECK(rows.tokens.shape() == Shape{16, 8});
  for (std::size_t n = 0; n < 16; ++n) {
    CHECK(question_vocabulary().decode(row_of(rows.tokens, static_cast<std::int64_t>(n))) ==
          joined(words_of(asked[n])));
    CHECK(rows.labels[n] == asked[n].answer);
  }
}

TEST_CASE("rows: a CNN and a head of captions learn scenes by heart, and so do heads of questions") {
  const std::vector<std::uint64_t> scenes{0, 1, 2, 3, 4, 5};
  const EncoderSizes encoder{.channels = 16, .layers = {48, 32}};
  const auto [first_said, last_said] =
      learn(caption_head({.encoder = encoder}), 0.03, scenes, caption_rows(kSeed, scenes, 1, 0), true);
  CHECK(first_said > 3);
  CHECK(last_said < 0.15);  // 0.2 for six sentences in any order
  // Two of the same of every scene, so that the picture is needed.
  std::vector<Question> asked;
  const auto noun = static_cast<std::size_t>(lay_out(kSeed, 0).objects.front().thing.noun);
  for (const std::uint64_t scene : scenes)
    for (const Family family : {Family::exist, Family::count})
      asked.push_back(questions(lay_out(kSeed, scene), family).at(noun));
  const auto [first_answered, last_answered] =
      learn(vqa_head({.encoder = {.channels = 16, .layers = {32}}, .hidden = 24, .common = 32}), 0.01, scenes,
            question_rows(asked), false);
  CHECK(first_answered > 3);
  CHECK(last_answered < 0.15);  // 0.75 without a picture
}

}  // namespace backlight::language
