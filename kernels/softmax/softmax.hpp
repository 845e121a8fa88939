// Softmax and log-softmax over dimension 1.
//
//   softmax       y_k = exp(x_k − m) / Σ_j exp(x_j − m),  m = max_j x_j      dx = y·(dy − Σ_j dy_j·y_j)
//   log-softmax   y_k = x_k − m − log Σ_j exp(x_j − m)                       dx = dy − exp(y)·Σ_j dy_j
#pragma once

#include <cstdint>

namespace backlight {

class Context;

/// x is outer×classes×inner: N×K×1 for scores, N×C×(H·W) for maps.
struct SoftmaxParams {
  std::int64_t outer = 0;
  std::int64_t classes = 0;
  std::int64_t inner = 1;
};

namespace cpu {

/// y may be x.
template <class T>
void softmax_forward(Context& context, const SoftmaxParams& params, const T* x, T* y);
template <class T>
void softmax_backward(Context& context, const SoftmaxParams& params, const T* y, const T* dy, T* dx);

/// y may be x.
template <class T>
void log_softmax_forward(Context& context, const SoftmaxParams& params, const T* x, T* y);
template <class T>
void log_softmax_backward(Context& context, const SoftmaxParams& params, const T* y, const T* dy, T* dx);

}  // namespace cpu
}  // namespace backlight
