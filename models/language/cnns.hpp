// The CNNs that stand before heads, by the names that files have for them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/graph/network.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight::language {

inline constexpr std::string_view kScenesCnn = "backlight_scenes";

struct Cnn {
  Network network = Network();       ///< picture → map, of its last convolution
  Preprocessing preprocessing = {};  ///< of the whole picture
  bool pools = false;  ///< the published network has a max pooling behind the map: heads begin with it
};

/// - `backlight_scenes`: scenes_features of the width `widths[0]`, for 96×96.
/// - `easy_vqa`: that of github.com/vzhou842/easy-VQA-keras, for 64×64: convolutions of 3×3 to `widths` channels under
///   the names `conv1`, `conv2` …, a max pooling of 2 between every two and behind the last, and no activations.
/// - `vgg16`, `vgg19`, `resnet50`, `resnet101`, `resnet152`: torchvision's up to the last ReLU before the last pooling,
///   for 224×224; `widths` is not looked at.
///
/// Throws Error(usage) with near matches for another name, for widths that are missing or not from 1 to 512.
Cnn make_cnn(std::string_view name, std::span<const std::int64_t> widths = {});

}  // namespace backlight::language
