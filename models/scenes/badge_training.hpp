// A small network trained on scenes with badges, and where it looks: whether it learned the cue or leans on the badge.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/function_ref.hpp"
#include "engine/core/tensor.hpp"
#include "engine/graph/network.hpp"
#include "engine/runtime/device.hpp"
#include "models/scenes/badge.hpp"

namespace backlight::scenes {

/// Four 3×3 convolutions with batch norm, two of them behind a pooling each, and the mean over places before the last
/// layer: a cell of its last map, `relu4`, sees 26 pixels, so that it cannot see cue and badge as one. 15,434
/// parameters.
Network badge_net();

struct BadgeTraining {
  std::uint64_t seed = 1;  ///< of the scenes, their order and the first weights
  Agreement agreement = {0.85, 0.85};
  std::int64_t scenes = 2000;  ///< how many different ones
  std::int64_t steps = 700;
  int batch = 32;
  int size = 64;               ///< of a scene in pixels
  double learning_rate = 0.1;  ///< the highest
};

/// The first `scenes` scenes of the seed are drawn with replacement and varied by augment(), colours as they are. A
/// pure function of the options. Throws Error(usage) for options that cannot be meant.
Network train_on_badges(Context& context, const BadgeTraining& options,
                        FunctionRef<void(std::int64_t step, double loss)> progress);

/// What a network says of a scene, and Grad-CAM of the class that it says.
struct BadgeAnswer {
  int label = 0, badge = 0, predicted = 0;
  double probability = 0;  ///< of the class predicted
  Tensor map = {};         ///< raw, h×w
  double cue_energy = 0,
         badge_energy = 0;  ///< shares of the map's positive mass in the boxes, at the scene's size
  double cue_area = 0, badge_area = 0;                  ///< those of a uniform map
  bool points_at_cue = false, points_at_badge = false;  ///< whether the first maximum lies in the box
  bool evidence = false;  ///< whether any value is positive; where none is, energies are 0

  bool right() const { return predicted == label; }
  bool agrees() const { return badge == label; }
};

/// Of the first `scenes` scenes of a seed, half of which agree in each class.
std::vector<BadgeAnswer> badge_answers(const Network& network, Context& context, std::uint64_t seed,
                                       std::int64_t scenes, int size);

}  // namespace backlight::scenes
