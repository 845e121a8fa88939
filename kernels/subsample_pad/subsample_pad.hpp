// The parameter-free shortcut of the CIFAR ResNets (He et al. 2016, §4.2, option A): every stride-th row and
// column, with zero channels around.
//
//   forward   y[n, c, i, j] = x[n, c − front, i·stride, j·stride] where 0 ≤ c − front < C, else 0
//   backward  dx[n, c, i·stride, j·stride] = dy[n, c + front, i, j], 0 elsewhere
#pragma once

#include <cstdint>

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
}  // namespace backlight
