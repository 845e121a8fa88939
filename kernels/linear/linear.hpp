// The fully connected layer, for N images of `in` features:
//
//   forward          y[n,o]  = b[o] + Σ_i w[o,i] · x[n,i]
//   backward_data    dx[n,i] = Σ_o w[o,i] · dy[n,o]
//   backward_filter  dw[o,i] += Σ_n dy[n,o] · x[n,i]
//   backward_bias    db[o]   += Σ_n dy[n,o]
#pragma once

#include <cstdint>

namespace backlight {

class Context;

/// x is batch × in, w is out × in, y is batch × out; all contiguous.
struct LinearParams {
  std::int64_t batch = 1, in = 1, out = 1;
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
}  // namespace backlight
