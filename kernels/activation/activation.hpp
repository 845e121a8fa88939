// Activations but ReLU and ReLU6 (kernels/relu), as PyTorch defines them, at their kinks too.
//
//                  y =                                        dx = dy ·
//   sigmoid        σ(x) = 1/(1 + e^−x)                        y·(1 − y)
//   tanh           tanh(x)                                    1 − y²
//   silu           x·σ(x)                                     σ(x)·(1 + x·(1 − σ(x)))
//   hard_sigmoid   min(max(x + 3, 0), 6)/6                    [−3 < x < 3]/6
//   hard_swish     x·hard_sigmoid(x)                          0 for x ≤ −3, 1 for x ≥ 3, else x/3 + 1/2
//   leaky_relu     x for x > 0, else s·x                      1 for x > 0, else s
//   gelu           x·Φ(x) = x·(1 + erf(x/√2))/2               Φ(x) + x·e^(−x²/2)/√(2π)
//   gelu by tanh   x·(1 + tanh u)/2,                          (1 + tanh u)/2 + x·(1 − tanh² u)/2·u′,
//                  u = √(2/π)·(x + 0.044715·x³)               u′ = √(2/π)·(1 + 3·0.044715·x²)
#pragma once

#include <cstdint>

#include "kernels/activation/functions.hpp"
#include "kernels/cost.hpp"

namespace backlight {

class Context;

namespace cpu {

/// y may be x. The y of NaN is NaN.
template <class T>
void activation_forward(Context& context, std::int64_t count, const Activation& activation, const T* x, T* y);

/// `saved` is y for sigmoid and tanh, x for the others. dx may be dy.
template <class T>
void activation_backward(Context& context, std::int64_t count, const Activation& activation, const T* saved,
                         const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, in the context's stream.
namespace cuda {

void activation_forward(Context& context, std::int64_t count, const Activation& activation, const float* x,
                        float* y);
void activation_backward(Context& context, std::int64_t count, const Activation& activation,
                         const float* saved, const float* dy, float* dx);

/// A value counts as one operation, a derivative as another.
constexpr Cost activation_forward_cost(std::int64_t count) { return {8 * count, count}; }
constexpr Cost activation_backward_cost(std::int64_t count) { return {12 * count, 2 * count}; }

}  // namespace cuda
}  // namespace backlight
