// Softmax and log-softmax along one dimension.
//
//   softmax       y_k = exp(x_k − m) / Σ_j exp(x_j − m),  m = max_j x_j      dx = y·(dy − Σ_j dy_j·y_j)
//   log-softmax   y_k = x_k − m − log Σ_j exp(x_j − m)                       dx = dy − exp(y)·Σ_j dy_j
//
// Masked, m and the sum are those of the classes that take part; y = 0, and with it dx, of the others.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is outer×classes×inner: N×K×1 for scores, N×C×(H·W) for maps, (N·T)×K×1 for words.
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

/// Of the classes whose token, outer×classes, is not 0. y may be x; its backward is softmax's.
template <class T>
void masked_softmax_forward(Context& context, const SoftmaxParams& params, const std::int32_t* tokens,
                            const T* x, T* y);

/// y may be x.
template <class T>
void log_softmax_forward(Context& context, const SoftmaxParams& params, const T* x, T* y);
template <class T>
void log_softmax_backward(Context& context, const SoftmaxParams& params, const T* y, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, with sums in float32, in the context's stream.
namespace cuda {

void softmax_forward(Context& context, const SoftmaxParams& params, const float* x, float* y);
void softmax_backward(Context& context, const SoftmaxParams& params, const float* y, const float* dy,
                      float* dx);
void masked_softmax_forward(Context& context, const SoftmaxParams& params, const std::int32_t* tokens,
                            const float* x, float* y);
void log_softmax_forward(Context& context, const SoftmaxParams& params, const float* x, float* y);
void log_softmax_backward(Context& context, const SoftmaxParams& params, const float* y, const float* dy,
                          float* dx);

/// Of either; an exponential counts as one operation.
constexpr Cost softmax_forward_cost(const SoftmaxParams& params) {
  const std::int64_t count = params.outer * params.classes * params.inner;
  return {8 * count, 5 * count};
}
constexpr Cost softmax_backward_cost(const SoftmaxParams& params) {
  const std::int64_t count = params.outer * params.classes * params.inner;
  return {12 * count, 4 * count};
}

}  // namespace cuda
}  // namespace backlight
