// Depthwise convolution on CUDA, where cuDNN is slow: groups, in_channels and out_channels are equal. The
// equations are in kernels/conv2d/conv2d.hpp. Throws Error(unsupported) for other groups and for more than
// 2^31 elements.
#pragma once

#include <limits>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/cost.hpp"

namespace backlight::cuda {

/// y = relu(conv + bias), as far as there is a bias and a ReLU.
struct DepthwiseEpilogue {
  const float* bias = nullptr;  ///< out_channels elements
  bool relu = false;
  float upper = std::numeric_limits<float>::infinity();  ///< where the ReLU ends; NaN passes it
};

/// Overwrites y.
void depthwise_forward(Context& context, const Conv2dParams& params, const float* x, const float* w,
                       const DepthwiseEpilogue& epilogue, float* y);
/// Overwrites dx.
void depthwise_backward_data(Context& context, const Conv2dParams& params, const float* dy, const float* w,
                             float* dx);
/// Adds to dw.
void depthwise_backward_filter(Context& context, const Conv2dParams& params, const float* x, const float* dy,
                               float* dw);

/// Of either of the three: each reads two of x, w, y and writes the third.
constexpr Cost depthwise_cost(const Conv2dParams& p) {
  const std::int64_t planes = p.batch * p.in_channels, taps = p.kernel_height * p.kernel_width;
  const std::int64_t outputs = planes * p.out_height * p.out_width;
  return {4 * (planes * p.in_height * p.in_width + p.in_channels * taps + outputs), 2 * outputs * taps};
}

}  // namespace backlight::cuda
