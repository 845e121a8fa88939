// The parameter-free shortcut of the CIFAR ResNets (He et al. 2016, §4.2, option A): every stride-th row and
// column, with zero channels around.
//
//   forward   y[n, c, i, j] = x[n, c − front, i·stride, j·stride] where 0 ≤ c − front < C, else 0
//   backward  dx[n, c, i·stride, j·stride] = dy[n, c + front, i, j], 0 elsewhere
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is n×channels×h×w, y is n×out_channels×out_h×out_w, out = ⌈size/stride⌉.
struct SubsamplePadParams {
  std::int64_t n = 0;
  std::int64_t channels = 0, h = 0, w = 0;
  std::int64_t out_channels = 0, out_h = 0, out_w = 0;
  std::int64_t stride = 1;
  std::int64_t front = 0;  ///< zero channels before the first
};

namespace cpu {

template <class T>
void subsample_pad_forward(Context& context, const SubsamplePadParams& params, const T* x, T* y);
/// Overwrites dx.
template <class T>
void subsample_pad_backward(Context& context, const SubsamplePadParams& params, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, in the context's stream. Throws Error(unsupported) for 2^31 elements or more.
namespace cuda {

void subsample_pad_forward(Context& context, const SubsamplePadParams& params, const float* x, float* y);
void subsample_pad_backward(Context& context, const SubsamplePadParams& params, const float* dy, float* dx);

/// Forward reads and backward writes only what the stride leaves of x, but backward clears the rest.
constexpr Cost subsample_pad_forward_cost(const SubsamplePadParams& p) {
  return {4 * p.n * (p.channels + p.out_channels) * p.out_h * p.out_w, 0};
}
constexpr Cost subsample_pad_backward_cost(const SubsamplePadParams& p) {
  return {4 * p.n * p.channels * (p.out_h * p.out_w + p.h * p.w), 0};
}

}  // namespace cuda
}  // namespace backlight
