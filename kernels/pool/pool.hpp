// Max, average and adaptive average pooling of planes; PyTorch's definitions.
//
// Output (i, j) looks at the taps (i·stride_h − pad_h + p·dilation_h, j·stride_w − pad_w + q·dilation_w),
// 0 ≤ p < kernel_h, 0 ≤ q < kernel_w.
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

/// `planes` is N·C; input planes are h×w, output planes out_h×out_w.
struct Pool2dParams {
  std::int64_t planes = 0;
  std::int64_t h = 0, w = 0;
  std::int64_t out_h = 0, out_w = 0;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_h = 0, pad_w = 0;
  std::int64_t dilation_h = 1, dilation_w = 1;  ///< max pooling only
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

/// Uses planes, h, w, out_h and out_w only.
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
  const std::int64_t in = p.planes * p.h * p.w, out = p.planes * p.out_h * p.out_w;
  return {4 * (in + (with_argmax ? 2 : 1) * out), out * p.kernel_h * p.kernel_w};
}
constexpr Cost max_pool2d_backward_cost(const Pool2dParams& p) {
  const std::int64_t in = p.planes * p.h * p.w, out = p.planes * p.out_h * p.out_w;
  return {4 * (in + 2 * out), out};
}
/// Forward and backward alike: an addition per tap, a division per output.
constexpr Cost avg_pool2d_cost(const Pool2dParams& p) {
  const std::int64_t in = p.planes * p.h * p.w, out = p.planes * p.out_h * p.out_w;
  return {4 * (in + out), out * (p.kernel_h * p.kernel_w + 1)};
}
/// Forward and backward alike, as if the windows did not overlap.
constexpr Cost adaptive_avg_pool2d_cost(const Pool2dParams& p) {
  const std::int64_t in = p.planes * p.h * p.w, out = p.planes * p.out_h * p.out_w;
  return {4 * (in + out), in + out};
}

}  // namespace cuda
}  // namespace backlight
