// One step of Adam (Kingma, Ba 2015, arXiv:1412.6980), in the order of torch.optim.Adam:
//
//   g  = s·dw                         s < 1 where the gradient's norm is clipped
//   m ← m + (1 − β₁)·(g − m)          m = 0 and v = 0 before the first step
//   v ← β₂·v + (1 − β₂)·g²
//   w ← w − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

struct AdamParams {
  std::int64_t count = 0;
  double learning_rate = 0;  ///< η
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  std::int64_t step = 1;  ///< t, the first one is 1
  double scale = 1;       ///< s

  /// η/(1 − β₁ᵗ) and √(1 − β₂ᵗ).
  double rate() const { return learning_rate / (1 - std::pow(beta1, static_cast<double>(step))); }
  double root() const { return std::sqrt(1 - std::pow(beta2, static_cast<double>(step))); }
};

namespace cpu {

/// Updates w, m and v in place.
template <class T>
void adam_step(Context& context, const AdamParams& params, const T* dw, T* w, T* m, T* v);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void adam_step(Context& context, const AdamParams& params, const float* dw, float* w, float* m, float* v);

constexpr Cost adam_step_cost(const AdamParams& params) { return {28 * params.count, 14 * params.count}; }

}  // namespace cuda
}  // namespace backlight
