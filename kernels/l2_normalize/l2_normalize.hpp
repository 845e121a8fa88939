// Vectors of one length, as PyTorch's F.normalize makes them, times a number.
//
//   forward    y = s·x / max(‖x‖₂, ε)
//   backward   dx = s·(dy − x·Σ_j dy_j·x_j / ‖x‖₂²) / ‖x‖₂  where ‖x‖₂ ≥ ε, else s·dy / ε
//   detached   dx = s·dy / max(‖x‖₂, ε), which is no gradient: the length is taken for a constant
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is rows×width; every row is a vector.
struct L2NormalizeParams {
  std::int64_t rows = 0, width = 0;
  double scale = 1, eps = 1e-12;
  bool detached = false;
};

namespace cpu {

/// Sums in double, as backward does. y may be x.
template <class T>
void l2_normalize_forward(Context& context, const L2NormalizeParams& params, const T* x, T* y);
template <class T>
void l2_normalize_backward(Context& context, const L2NormalizeParams& params, const T* x, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, with sums in float32, in the context's stream.
namespace cuda {

void l2_normalize_forward(Context& context, const L2NormalizeParams& params, const float* x, float* y);
void l2_normalize_backward(Context& context, const L2NormalizeParams& params, const float* x, const float* dy,
                           float* dx);

constexpr Cost l2_normalize_forward_cost(const L2NormalizeParams& p) {
  return {8 * p.rows * p.width, 3 * p.rows * p.width};
}
constexpr Cost l2_normalize_backward_cost(const L2NormalizeParams& p) {
  return {12 * p.rows * p.width, 7 * p.rows * p.width};
}

}  // namespace cuda
}  // namespace backlight
