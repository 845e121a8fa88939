// 2-D convolution. Saved for backward: x, for the gradient of the weight only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "engine/layer.hpp"

namespace backlight {

/// Height and width alike.
constexpr std::array<std::int64_t, 2> square(std::int64_t extent) { return {extent, extent}; }
/// The same padding on every side.
constexpr std::array<std::int64_t, 4> all(std::int64_t padding) {
  return {padding, padding, padding, padding};
}

/// conv2d(64, 128, {.kernel = square(3), .stride = square(2), .padding = all(1), .bias = false})
struct Conv2dOptions {
  std::array<std::int64_t, 2> kernel{1, 1};         ///< height, width
  std::array<std::int64_t, 2> stride{1, 1};         ///< height, width
  std::array<std::int64_t, 2> dilation{1, 1};       ///< height, width
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};  ///< top, bottom, left, right
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
