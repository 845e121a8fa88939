// 2-D convolution. Saved for backward: x, for the gradient of the weight only.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/layer.hpp"
#include "engine/layers/extent.hpp"

namespace backlight {

/// conv2d(64, 128, {.kernel = 3, .stride = 2, .padding = 1, .bias = false})
struct Conv2dOptions {
  Extent2d kernel = 1;
  Extent2d stride = 1;
  Extent2d dilation = 1;
  Padding2d padding = 0;
  /// TensorFlow's SAME instead of `padding`: ceil(extent / stride) outputs, from the input's size; an odd
  /// total puts the larger half below and to the right.
  bool same = false;
  std::int64_t groups = 1;
  bool bias = true;
};

/// x: N×in×H×W. Parameters, zero at first: "weight", out × in/groups × kernel, and "bias", out. Throws
/// Error(usage) for options that make no sense.
std::unique_ptr<Layer> conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options);

}  // namespace backlight
