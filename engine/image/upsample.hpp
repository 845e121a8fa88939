// Enlarging a coarse map for display: the four ways in use, each equal to the program it is known from.
#pragma once

#include <string_view>

#include "engine/image/geometry.hpp"
#include "engine/tensor.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {

/// "nearest", "bilinear", "bilinear-align-corners", "bicubic".
std::string_view name_of(Upsampling mode);

/// An H×W map (leading extents of 1 allowed) at height × width, as a rank-2 tensor.
Tensor upsample(const Tensor& map, std::int64_t height, std::int64_t width, Upsampling mode);

/// A map over the network's input, of any resolution, sampled bilinearly at the centres of the source's
/// pixels. Pixels that the network did not see are 0. The result is source_height × source_width.
Tensor project(const Tensor& map, const Placement& placement);

}  // namespace backlight
