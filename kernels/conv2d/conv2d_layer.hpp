// 2-D convolution. Saved for backward: x, for the gradient of the weight only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/graph/extent.hpp"
#include "engine/graph/layer.hpp"
#include "kernels/conv2d/conv2d.hpp"

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

/// Whether it is a convolution whose weight is a matrix: 1×1 filters in one group, at every place of x and
/// nowhere else.
bool is_pointwise(const Layer& layer);

/// The same convolution with a bias. Throws Error(usage) for another layer.
std::unique_ptr<Layer> with_bias(const Layer& convolution);

/// What a layer asks of the kernels for an input of shape `x`; empty where it is no convolution.
std::optional<Conv2dParams> conv2d_params(const Layer& layer, const Shape& x);

}  // namespace backlight
