// What the display functions share about maps: an H×W float32 tensor, leading extents of 1 allowed.
#pragma once

#include <cstdint>

#include "engine/core/tensor.hpp"

namespace backlight {

/// Rows and columns of a map.
struct MapSize {
  std::int64_t height = 0, width = 0;
};

/// The extents of an H×W, 1×H×W or 1×1×H×W tensor. Throws Error(bad_input) for any other shape, an empty map,
/// or one that holds NaN or infinity; `who` names the caller.
MapSize require_map(const Tensor& map, const char* who);

}  // namespace backlight
