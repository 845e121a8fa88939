// Batches of scenes for training: which scene comes when, and how it is varied.
#pragma once

#include <cstdint>
#include <span>

#include "engine/image/image.hpp"
#include "engine/train/trainer.hpp"

namespace backlight::scenes {

struct TrainingSet {
  std::uint64_t seed = 1;
  std::int64_t scenes = 20000;  ///< how many different ones there are; half of them have two objects
  int batch = 48;
  /// Labels that say nothing of the picture: scenes of one object, as they are drawn, each with permuted_label.
  bool permuted = false;
};

/// The batch of a training step, a pure function of its arguments. Scenes are drawn with replacement and
/// varied by augment(). Two labels an image: a single object's is repeated. Throws Error(usage) for an empty
/// set or batch.
Batch training_batch(Context& context, const TrainingSet& set, std::int64_t step);

/// The class of the next scene of one object, of the last that of the first, among `scenes`: independent of the scene's
/// own, and every class as often as without.
int permuted_label(std::uint64_t seed, std::uint64_t scene_index, std::int64_t scenes);

/// One of the eight symmetries of the square, a shift of up to four pixels (edges repeated), the colour
/// channels in another order, and up to a fifth brighter or darker. No class depends on any of these. Without `colours`
/// these two are left out.
Image augment(const Image& square, std::uint64_t seed, std::uint64_t index, bool colours = true);

/// Pictures of one size as the network's input, N×3×size×size in the host's memory.
Tensor to_input(Context& context, std::span<const Image> images);

}  // namespace backlight::scenes
