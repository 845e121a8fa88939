#include "models/scenes/badge_training.hpp"

#include <algorithm>
#include <cmath>

#include "engine/core/random.hpp"
#include "engine/evaluate/pointing.hpp"
#include "engine/explain/display.hpp"
#include "engine/train/init.hpp"
#include "engine/train/trainer.hpp"
#include "kernels/layers.hpp"
#include "models/convolutions.hpp"
#include "models/scenes/batch.hpp"

namespace backlight::scenes {
namespace {

constexpr std::uint64_t kOrderPurpose = 43;
constexpr std::int64_t kAskedAtOnce = 50;

std::vector<BadgeScene> badge_scenes(Context& context, std::uint64_t seed, std::int64_t first,
                                     std::int64_t count, const Agreement& agreement, int size) {
  std::vector<BadgeScene> scenes(static_cast<std::size_t>(count));
  context.parallel_for(count, [&](std::int64_t i, int) {
    scenes[static_cast<std::size_t>(i)] =
        render_badge_scene(seed, static_cast<std::uint64_t>(first + i), agreement, size);
  });
  return scenes;
}

Batch badge_batch(Context& context, const BadgeTraining& options, const std::vector<BadgeScene>& scenes,
                  std::int64_t step) {
  const auto count = static_cast<std::size_t>(options.batch);
  std::vector<Image> images(count);
  Batch batch{{}, std::vector<std::int64_t>(count)};
  context.parallel_for(options.batch, [&](std::int64_t n, int) {
    const auto at = static_cast<std::uint64_t>(step * options.batch + n);
    const BadgeScene& scene =
        scenes[random_bits(random_bits(options.seed, kOrderPurpose), at) % scenes.size()];
    const auto i = static_cast<std::size_t>(n);
    batch.labels[i] = scene.label;
    images[i] = augment(scene.image, options.seed, at, /*colours=*/false);
  });
  batch.x = to_input(context, images);
  return batch;
}

bool lies_in(const Pixel& pixel, const PixelSet& set) { return points_at(pixel, set, /*tolerance=*/0); }

BadgeAnswer answer_about(const BadgeScene& scene, Tensor map) {
  BadgeAnswer answer{.label = scene.label, .badge = scene.badge};
  const int size = scene.image.width;
  const PixelSet cue = PixelSet::of(size, size, {&scene.cue, 1}),
                 badge = PixelSet::of(size, size, {&scene.badge_box, 1});
  const Tensor evidence = enlarged_evidence(map, Preset::pytorch_grad_cam, size, size);
  answer.cue_energy = energy_inside(evidence, cue);
  answer.badge_energy = energy_inside(evidence, badge);
  answer.cue_area = cue.share();
  answer.badge_area = badge.share();
  Placement placement;
  placement.input_width = placement.input_height = placement.source_width = placement.source_height = size;
  if (const auto at = strongest_pixel(evidence, placement)) {
    answer.evidence = true;
    answer.points_at_cue = lies_in(*at, cue);
    answer.points_at_badge = lies_in(*at, badge);
  }
  answer.map = std::move(map);
  return answer;
}

}  // namespace

Network badge_net() {
  Network net;
  constexpr std::int64_t kWidth = 8;
  std::int64_t in = 3;
  const auto block = [&](const std::string& number, std::int64_t out) {
    net.add("conv" + number, conv3x3(in, out));
    net.add("bn" + number, batch_norm2d(out));
    net.add("relu" + number, relu());
    in = out;
  };
  block("1", kWidth);
  net.add("pool1", max_pool2d({.kernel = 2, .stride = 2}));
  block("2", 2 * kWidth);
  net.add("pool2", max_pool2d({.kernel = 2, .stride = 2}));
  block("3", 4 * kWidth);
  block("4", 4 * kWidth);
  net.add("avgpool", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  net.add("fc", linear(in, static_cast<std::int64_t>(kCueNames.size())));
  return net;
}

Network train_on_badges(Context& context, const BadgeTraining& options,
                        FunctionRef<void(std::int64_t step, double loss)> progress) {
  if (options.scenes < 2 || options.batch < 2)
    throw Error(ErrorKind::usage, "training on ", options.scenes, " scenes in batches of ", options.batch,
                " was asked for, expected at least two of each");
  const std::vector<BadgeScene> scenes =
      badge_scenes(context, options.seed, 0, options.scenes, options.agreement, options.size);
  Network network = badge_net();
  initialise(network, options.seed);
  TrainerOptions how{.steps = options.steps, .warmup = options.steps / 20, .seed = options.seed};
  how.learning_rate = options.learning_rate;
  Trainer trainer(network, context, how);
  for (std::int64_t step = 0; step < options.steps; ++step)
    progress(step + 1, trainer.step(badge_batch(context, options, scenes, step)));
  return network;
}

std::vector<BadgeAnswer> badge_answers(const Network& network, Context& context, std::uint64_t seed,
                                       std::int64_t scenes, int size) {
  const NodeId layer = network.find("relu4");
  std::vector<BadgeAnswer> answers;
  for (std::int64_t first = 0; first < scenes; first += kAskedAtOnce) {
    const std::vector<BadgeScene> chunk =
        badge_scenes(context, seed, first, std::min(kAskedAtOnce, scenes - first), {0.5, 0.5}, size);
    std::vector<Image> images;
    for (const BadgeScene& scene : chunk) images.push_back(scene.image);
    Explanation explanation(network, context, to_input(context, images), {layer}, /*input_gradient=*/false);
    const std::vector<std::int64_t> predicted = explanation.top_classes();
    const Tensor maps = context.to_host(explanation.grad_cam(layer, explanation.target(predicted)).map);
    const TargetValues log_p =
        evaluate({.classes = predicted, .aim = Aim::log_probability}, context.to_host(explanation.scores()));
    const std::int64_t h = maps.shape()[1], w = maps.shape()[2];
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const auto each = static_cast<std::size_t>(h * w);
      BadgeAnswer& answer = answers.emplace_back(
          answer_about(chunk[i], Tensor::from({h, w}, maps.values().subspan(i * each, each))));
      answer.predicted = static_cast<int>(predicted[i]);
      answer.probability = std::exp(log_p.values[i]);
    }
  }
  return answers;
}

}  // namespace backlight::scenes
