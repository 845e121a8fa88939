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

/// x is batch × channels × in_height × in_width, y batch × out_channels × out_height × out_width,
/// out = ⌈in/stride⌉.
struct StridedIdentityPadParams {
  std::int64_t batch = 0;
  std::int64_t channels = 0, in_height = 0, in_width = 0;
  std::int64_t out_channels = 0, out_height = 0, out_width = 0;
  std::int64_t stride = 1;
  std::int64_t front = 0;  ///< zero channels before the first
};

namespace cpu {

template <class T>
void strided_identity_pad_forward(Context& context, const StridedIdentityPadParams& params, const T* x, T* y);
/// Overwrites dx.
template <class T>
void strided_identity_pad_backward(Context& context, const StridedIdentityPadParams& params, const T* dy,
                                   T* dx);

}  // namespace cpu

/// As cpu:: does, in the context's stream. Throws Error(unsupported) for 2^31 elements or more.
namespace cuda {

void strided_identity_pad_forward(Context& context, const StridedIdentityPadParams& params, const float* x,
                                  float* y);
void strided_identity_pad_backward(Context& context, const StridedIdentityPadParams& params, const float* dy,
                                   float* dx);

/// Forward reads and backward writes only what the stride leaves of x, but backward clears the rest.
constexpr Cost strided_identity_pad_forward_cost(const StridedIdentityPadParams& p) {
  return {4 * p.batch * (p.channels + p.out_channels) * p.out_height * p.out_width, 0};
}
constexpr Cost strided_identity_pad_backward_cost(const StridedIdentityPadParams& p) {
  return {4 * p.batch * p.channels * (p.out_height * p.out_width + p.in_height * p.in_width), 0};
}

}  // namespace cuda
}  // namespace backlight
