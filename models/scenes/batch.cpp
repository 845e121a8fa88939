#include "models/scenes/batch.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/scenes/draws.hpp"
#include "models/scenes/scene.hpp"
#include "models/scenes_net.hpp"

namespace backlight::scenes {
namespace {
constexpr std::uint64_t kChoicePurpose = 30, kAugmentPurpose = 31;
}

Image augment(const Image& square, std::uint64_t seed, std::uint64_t index, bool colours) {
  Draws draws(seed, index, kAugmentPurpose);
  const bool transpose = draws.chance(0.5), flip_x = draws.chance(0.5), flip_y = draws.chance(0.5);
  const int shift_x = draws.between(-4, 4), shift_y = draws.between(-4, 4);
  const double brightness = colours ? draws.uniform(0.8, 1.2) : 1;
  std::array<std::size_t, 3> channel{0, 1, 2};
  if (colours) {
    std::swap(channel[0], channel[static_cast<std::size_t>(draws.between(0, 2))]);
    std::swap(channel[1], channel[static_cast<std::size_t>(draws.between(1, 2))]);
  }
  std::array<std::uint8_t, 256> level{};
  for (std::size_t i = 0; i < level.size(); ++i)
    level[i] =
        static_cast<std::uint8_t>(std::min(255.0, std::floor(brightness * static_cast<double>(i) + 0.5)));

  const int size = square.width;
  Image out(size, size);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      int from_x = std::clamp(x + shift_x, 0, size - 1), from_y = std::clamp(y + shift_y, 0, size - 1);
      if (flip_x) from_x = size - 1 - from_x;
      if (flip_y) from_y = size - 1 - from_y;
      if (transpose) std::swap(from_x, from_y);
      const std::uint8_t* from = square.at(from_x, from_y);
      for (std::size_t c = 0; c < 3; ++c) out.at(x, y)[c] = level[from[channel[c]]];
    }
  }
  return out;
}

Tensor to_input(Context& context, std::span<const Image> images) {
  const Preprocessing how = scenes_preprocessing();
  const std::int64_t size = images.empty() ? 0 : images.front().width;
  Tensor x({static_cast<std::int64_t>(images.size()), 3, size, size});
  float* to = x.data<float>();
  context.parallel_for(static_cast<std::int64_t>(images.size()), [&](std::int64_t n, int) {
    const Tensor one = normalise(images[static_cast<std::size_t>(n)], how);
    std::ranges::copy(one.values(), to + n * one.numel());
  });
  return x;
}

int permuted_label(std::uint64_t seed, std::uint64_t scene_index, std::int64_t scenes) {
  return render_scene(seed, (scene_index + 1) % static_cast<std::uint64_t>(scenes)).objects.front().label;
}

Batch training_batch(Context& context, const TrainingSet& set, std::int64_t step) {
  if (set.batch < 1 || set.scenes < 1)
    throw Error(ErrorKind::usage, "batches of ", set.batch, " out of ", set.scenes,
                " scenes were asked for, expected at least one of each");
  const auto count = static_cast<std::size_t>(set.batch);
  std::vector<Image> images(count);
  Batch batch{{}, std::vector<std::int64_t>(2 * count), 2};
  context.parallel_for(set.batch, [&](std::int64_t n, int) {
    const auto at = static_cast<std::uint64_t>(step * set.batch + n);
    const std::uint64_t scene_index =
        random_bits(random_bits(set.seed, kChoicePurpose), at) % static_cast<std::uint64_t>(set.scenes);
    const auto i = static_cast<std::size_t>(n);
    if (set.permuted) {
      images[i] = render_scene(set.seed, scene_index).image;
      batch.labels[2 * i] = batch.labels[2 * i + 1] = permuted_label(set.seed, scene_index, set.scenes);
      return;
    }
    const Scene scene = render_scene(set.seed, scene_index, {.max_objects = 2});
    batch.labels[2 * i] = scene.objects.front().label;
    batch.labels[2 * i + 1] = scene.objects.back().label;
    images[i] = augment(scene.image, set.seed, at);
  });
  batch.x = to_input(context, images);
  return batch;
}

}  // namespace backlight::scenes
