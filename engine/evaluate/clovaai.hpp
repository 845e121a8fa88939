// The protocol of github clovaai/wsolevaluation (arXiv:2001.07437) to the letter, its rounding included.
#pragma once

#include <span>

#include "engine/evaluate/localization.hpp"

namespace backlight {

/// IoU by threshold k/100 of the map's maximum, k = 0…99, as its BoxEvaluator has it: the raw map enlarged to 224×224
/// as OpenCV's INTER_CUBIC, negative values and all, scaled to 0…1 and cut to 8 bits; pixels above int(threshold ·
/// maximum); boundingRect of contours as OpenCV's findContours gives them, one pixel too large to the right and
/// below; truth boxes scaled to 224×224 and cut to whole pixels; IoU of inclusive boxes. `largest` is of the contour
/// of largest contourArea (MaxBoxAcc), `best` of all, the inner borders of holes included (MaxBoxAccV2). A constant
/// map has the box 0, 0, 0, 0. `truth`: in pixels of a picture of width × height, of whole pixels by their edges.
OverlapByThreshold clovaai_overlap(const Tensor& map, int width, int height, std::span<const Box> truth);

}  // namespace backlight
