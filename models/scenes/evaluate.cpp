#include "models/scenes/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/explain/explanation.hpp"
#include "kernels/upsample/upsample.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes/scene.hpp"

namespace backlight::scenes {
namespace {

constexpr std::int64_t kChunk = 50;

std::vector<Scene> render(Context& context, std::uint64_t seed, std::int64_t first, std::int64_t count,
                          int objects) {
  std::vector<Scene> scenes(static_cast<std::size_t>(count));
  context.parallel_for(count, [&](std::int64_t i, int) {
    scenes[static_cast<std::size_t>(i)] = render_scene(seed, static_cast<std::uint64_t>(first + i),
                                                       {.min_objects = objects, .max_objects = objects});
  });
  return scenes;
}

Tensor input_of(Context& context, const std::vector<Scene>& scenes) {
  std::vector<Image> images;
  for (const Scene& scene : scenes) images.push_back(scene.image);
  return to_input(context, images);
}

/// Image n of a batch of maps, or of 3-channel gradients.
std::span<const float> item(const Tensor& batch, std::int64_t n) {
  const std::int64_t each = batch.numel() / batch.shape()[0];
  return batch.values().subspan(static_cast<std::size_t>(n * each), static_cast<std::size_t>(each));
}

std::vector<float> largest_magnitude(std::span<const float> gradient) {
  const std::size_t plane = gradient.size() / 3;
  std::vector<float> map(plane);
  for (std::size_t i = 0; i < plane; ++i)
    map[i] =
        std::max({std::abs(gradient[i]), std::abs(gradient[i + plane]), std::abs(gradient[i + 2 * plane])});
  return map;
}

}  // namespace

double classification_accuracy(const Network& network, Context& context, std::uint64_t seed,
                               std::int64_t scenes, bool permuted) {
  if (scenes < 1) throw Error(ErrorKind::usage, "accuracy over ", scenes, " scenes was asked for");
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < scenes; first += kChunk) {
    const auto chunk = render(context, seed, first, std::min(kChunk, scenes - first), 1);
    const Run pass(network, context, input_of(context, chunk));
    const Tensor output = context.to_host(pass.output());
    for (std::size_t n = 0; n < chunk.size(); ++n) {
      const auto scores = item(output, static_cast<std::int64_t>(n));
      const int label = permuted ? permuted_label(seed, static_cast<std::uint64_t>(first) + n, scenes)
                                 : chunk[n].objects.front().label;
      right += std::ranges::max_element(scores) - scores.begin() == label;
    }
  }
  return static_cast<double>(right) / static_cast<double>(scenes);
}

bool points_into(const Box& box, std::span<const float> map, std::int64_t width, int size) {
  const Tensor coarse = Tensor::from({static_cast<std::int64_t>(map.size()) / width, width}, map);
  const Tensor fine = upsample(coarse, size, size, Upsampling::bilinear);
  const auto at = std::ranges::max_element(fine.values()) - fine.values().begin();
  const double x = static_cast<double>(at % size) + 0.5, y = static_cast<double>(at / size) + 0.5;
  return x > box.x0 && x < box.x1 && y > box.y0 && y < box.y1;
}

PointingRates pointing_rates(const Network& network, Context& context, NodeId layer, std::uint64_t seed,
                             std::int64_t scenes) {
  if (scenes < 1) throw Error(ErrorKind::usage, "pointing rates over ", scenes, " scenes were asked for");
  PointingRates hits;
  for (std::int64_t first = 0; first < scenes; first += kChunk) {
    const auto chunk = render(context, seed, first, std::min(kChunk, scenes - first), 2);
    Explanation explanation(network, context, input_of(context, chunk), {layer}, true);
    for (const std::size_t which : {0u, 1u}) {
      std::vector<std::int64_t> classes;
      for (const Scene& scene : chunk) classes.push_back(scene.objects[which].label);
      const Seed target = explanation.target(classes);
      const Tensor maps = context.to_host(explanation.grad_cam(layer, target).map);
      const Tensor guided = context.to_host(explanation.gradient(target, BackwardRule::guided));
      const Tensor deconvolved = context.to_host(explanation.gradient(target, BackwardRule::deconvnet));
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        const auto n = static_cast<std::int64_t>(i);
        const Box& box = chunk[i].objects[which].box;
        const int size = chunk[i].image.width;
        hits.grad_cam += points_into(box, item(maps, n), maps.shape()[2], size);
        hits.guided_backprop += points_into(box, largest_magnitude(item(guided, n)), size, size);
        hits.deconvolution += points_into(box, largest_magnitude(item(deconvolved, n)), size, size);
      }
    }
  }
  const double asked = 2 * static_cast<double>(scenes);
  return {hits.grad_cam / asked, hits.guided_backprop / asked, hits.deconvolution / asked};
}

}  // namespace backlight::scenes
