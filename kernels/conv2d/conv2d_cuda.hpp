// The kernels beside cuDNN's: what it does not fuse, and the way between float32 in NCHW and float16 in NHWC.
#pragma once

#include <cstdint>

#include "kernels/conv2d/conv2d.hpp"

namespace backlight::cuda {

/// y = relu(y + bias + residual), as far as there is a bias, a residual and a ReLU; y as in Conv2dParams. One
/// pass.
void conv2d_epilogue(Context& context, const Conv2dParams& params, const float* bias,
                     const Epilogue<float>& epilogue, float* y);

/// float16 as its bits; what is beyond 65504 becomes infinity.
using Half = std::uint16_t;

/// A tensor of batch × channels × plane, for its layouts: NCHW has the plane innermost, NHWC the channels.
struct Layout {
  std::int64_t batch, channels, plane;
};

/// y[n][i][c] = x[n][c][i]
void to_half_nhwc(Context& context, const Layout& layout, const float* x, Half* y);
/// y[n][c][i] = x[n][i][c]; with `add` it adds to y.
void from_half_nhwc(Context& context, const Layout& layout, const Half* x, bool add, float* y);

}  // namespace backlight::cuda
