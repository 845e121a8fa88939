// The fully connected layer, for N images of `in` features:
//
//   forward          y[n,o]  = b[o] + Σ_i w[o,i] · x[n,i]
//   backward_data    dx[n,i] = Σ_o w[o,i] · dy[n,o]
//   backward_filter  dw[o,i] += Σ_n dy[n,o] · x[n,i]
//   backward_bias    db[o]   += Σ_n dy[n,o]
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is batch × in, w is out × in, y is batch × out; all contiguous.
struct LinearParams {
  std::int64_t batch = 1, in = 1, out = 1;
  /// Rows are words or positions, of which there are many: the CPU takes matrix products, whose roundings are others.
  bool words = false;
};

namespace cpu {

/// `bias` has `out` elements or is null. Overwrites y.
template <class T>
void linear_forward(Context& context, const LinearParams& params, const T* x, const T* w, const T* bias,
                    T* y);
/// Overwrites dx.
template <class T>
void linear_backward_data(Context& context, const LinearParams& params, const T* dy, const T* w, T* dx);
/// Adds to dw, image by image.
template <class T>
void linear_backward_filter(Context& context, const LinearParams& params, const T* x, const T* dy, T* dw);
/// Adds to db, image by image.
template <class T>
void linear_backward_bias(Context& context, const LinearParams& params, const T* dy, T* db);

}  // namespace cpu

/// As cpu:: does, by cuBLASLt in the context's stream and precision. A gradient of zero is multiplied like
/// any other number, so that against an infinite weight it makes a NaN. Throws Error(unsupported) where
/// cuBLASLt has no algorithm.
namespace cuda {

void linear_forward(Context& context, const LinearParams& params, const float* x, const float* w,
                    const float* bias, float* y);
void linear_backward_data(Context& context, const LinearParams& params, const float* dy, const float* w,
                          float* dx);
void linear_backward_filter(Context& context, const LinearParams& params, const float* x, const float* dy,
                            float* dw);
/// With the CPU's bits.
void linear_backward_bias(Context& context, const LinearParams& params, const float* dy, float* db);

/// Of either of the three products, without a bias: each reads two of x, w, y and writes the third; adding to
/// dw reads that, too.
constexpr Cost linear_cost(const LinearParams& params, bool adds) {
  const auto& [batch, in, out, words] = params;
  return {4 * (batch * (in + out) + (adds ? 2 : 1) * in * out), 2 * batch * in * out};
}
constexpr Cost linear_backward_bias_cost(const LinearParams& params) {
  return {4 * (params.batch + 2) * params.out, params.batch * params.out};
}

}  // namespace cuda
}  // namespace backlight
