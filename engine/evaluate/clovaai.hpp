// The protocol of github clovaai/wsolevaluation (arXiv:2001.07437) to the letter, its rounding included.
#pragma once

#include <span>

#include "engine/evaluate/localization.hpp"
#include "engine/evaluate/pointing.hpp"

namespace backlight {

/// A raw map as its evaluators take it: enlarged to 224×224 as OpenCV's INTER_CUBIC, negative values and all, and scaled
/// to 0…1; of a constant one zeros.
Tensor clovaai_map(const Tensor& map);
/// A mask as its MaskEvaluator takes it: at 224×224, as OpenCV's INTER_NEAREST.
PixelSet clovaai_pixels(const PixelSet& set);

/// IoU by threshold k/100 of the map's maximum, k = 0…99, as its BoxEvaluator has it: clovaai_map cut to 8 bits; pixels
/// above int(threshold · maximum); boundingRect of contours as OpenCV's findContours gives them, one pixel too large to the right and
/// below; truth boxes scaled to 224×224 and cut to whole pixels; IoU of inclusive boxes. `largest` is of the contour
/// of largest contourArea (MaxBoxAcc), `best` of all, the inner borders of holes included (MaxBoxAccV2). A constant
/// map has the box 0, 0, 0, 0. `truth`: in pixels of a picture of width × height, of whole pixels by their edges.
OverlapByThreshold clovaai_overlap(const Tensor& map, int width, int height, std::span<const Box> truth);

}  // namespace backlight
