// Max, average and adaptive average pooling of planes; PyTorch's definitions.
//
// Output (i, j) looks at the taps (i·stride_height − pad_height + p·dilation_height, j·stride_width − pad_width
// + q·dilation_width), 0 ≤ p < kernel_height, 0 ≤ q < kernel_width.
//   max        forward   y = max of the taps inside the input, NaN if one is NaN
//              backward  dx[a] += dy,  a the first maximum
//   average    forward   y = (Σ taps inside) / d
//              backward  dx += dy / d  at each tap inside
//              d counts the taps inside the input or, with count_include_pad, those inside the padded input
//   adaptive   forward   y = mean over rows ⌊i·h/oh⌋ … ⌈(i+1)·h/oh⌉−1 and columns alike
//              backward  dx += dy / d  at each of the d places averaged
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// `planes` is N·C; input planes are in_height×in_width, output planes out_height×out_width.
struct Pool2dParams {
  std::int64_t planes = 0;
  std::int64_t in_height = 0, in_width = 0;
  std::int64_t out_height = 0, out_width = 0;
  std::int64_t kernel_height = 1, kernel_width = 1;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t pad_height = 0, pad_width = 0;
  std::int64_t dilation_height = 1, dilation_width = 1;  ///< max pooling only
  bool count_include_pad = true;                ///< average pooling only
};

namespace cpu {

/// `argmax`, which may be null, receives for each output the position row·w + column of its maximum within
/// the input plane, or −1 where no tap lies inside the input; y is −∞ there.
template <class T>
void max_pool2d_forward(Context& context, const Pool2dParams& params, const T* x, T* y, std::int32_t* argmax);
/// Overwrites dx.
template <class T>
void max_pool2d_backward(Context& context, const Pool2dParams& params, const std::int32_t* argmax,
                         const T* dy, T* dx);

template <class T>
void avg_pool2d_forward(Context& context, const Pool2dParams& params, const T* x, T* y);
/// Overwrites dx.
template <class T>
void avg_pool2d_backward(Context& context, const Pool2dParams& params, const T* dy, T* dx);

/// Uses planes, in_height, in_width, out_height and out_width only.
template <class T>
void adaptive_avg_pool2d_forward(Context& context, const Pool2dParams& params, const T* x, T* y);
/// Overwrites dx.
template <class T>
void adaptive_avg_pool2d_backward(Context& context, const Pool2dParams& params, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, in the context's stream: bit for bit, but for means over a whole plane or over 16 elements
/// and more, which are summed in float32 by a warp. Throws Error(unsupported) for 2^31 elements or more.
namespace cuda {

void max_pool2d_forward(Context& context, const Pool2dParams& params, const float* x, float* y,
                        std::int32_t* argmax);
void max_pool2d_backward(Context& context, const Pool2dParams& params, const std::int32_t* argmax,
                         const float* dy, float* dx);
void avg_pool2d_forward(Context& context, const Pool2dParams& params, const float* x, float* y);
void avg_pool2d_backward(Context& context, const Pool2dParams& params, const float* dy, float* dx);
void adaptive_avg_pool2d_forward(Context& context, const Pool2dParams& params, const float* x, float* y);
void adaptive_avg_pool2d_backward(Context& context, const Pool2dParams& params, const float* dy, float* dx);

constexpr Cost max_pool2d_forward_cost(const Pool2dParams& p, bool with_argmax) {
  const std::int64_t in = p.planes * p.in_height * p.in_width, out = p.planes * p.out_height * p.out_width;
  return {4 * (in + (with_argmax ? 2 : 1) * out), out * p.kernel_height * p.kernel_width};
}
constexpr Cost max_pool2d_backward_cost(const Pool2dParams& p) {
  const std::int64_t in = p.planes * p.in_height * p.in_width, out = p.planes * p.out_height * p.out_width;
  return {4 * (in + 2 * out), out};
}
/// Forward and backward alike: an addition per tap, a division per output.
constexpr Cost avg_pool2d_cost(const Pool2dParams& p) {
  const std::int64_t in = p.planes * p.in_height * p.in_width, out = p.planes * p.out_height * p.out_width;
  return {4 * (in + out), out * (p.kernel_height * p.kernel_width + 1)};
}
/// Forward and backward alike, as if the windows did not overlap.
constexpr Cost adaptive_avg_pool2d_cost(const Pool2dParams& p) {
  const std::int64_t in = p.planes * p.in_height * p.in_width, out = p.planes * p.out_height * p.out_width;
  return {4 * (in + out), in + out};
}

}  // namespace cuda
}  // namespace backlight
