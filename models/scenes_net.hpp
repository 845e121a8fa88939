// backlight_scenes: a small residual network for the scenes of models/scenes, trained by backlight itself.
#pragma once

#include <cstdint>

#include "engine/graph/network.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {

/// Five basic residual blocks (He et al. 2016) under torchvision's names `conv1` … `layer2.2` … `fc`: one
/// block pair of 2·width channels at a quarter of the input's resolution, three blocks of 4·width at an
/// eighth. Its last map is 12×12 for 96×96, each cell seeing 119 pixels; 239,898 parameters at width 16 for
/// ten classes. Input N×3×96×96, any size.
Network scenes_net(std::int64_t num_classes, std::int64_t width = 16);

/// The same up to its last map, 4·width×h/8×w/8, for a head that reads more than its mean.
Network scenes_features(std::int64_t width = 16);

/// Pictures of 96×96 with samples in -2…2.
Preprocessing scenes_preprocessing();

}  // namespace backlight
