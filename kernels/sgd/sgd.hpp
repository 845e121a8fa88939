// One step of stochastic gradient descent with momentum and weight decay, in the order of torch.optim.SGD:
//
//   g  = dw + λ·w
//   v ← μ·v + g            v = 0 before the first step
//   w ← w − η·v            Nesterov:  w ← w − η·(g + μ·v)
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

struct SgdParams {
  std::int64_t count = 0;
  double learning_rate = 0;  ///< η
  double momentum = 0;       ///< μ
  double weight_decay = 0;   ///< λ
  bool nesterov = false;
};

namespace cpu {

/// Updates w and v in place.
template <class T>
void sgd_step(Context& context, const SgdParams& params, const T* dw, T* w, T* v);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void sgd_step(Context& context, const SgdParams& params, const float* dw, float* w, float* v);

constexpr Cost sgd_step_cost(const SgdParams& params) {
  return {20 * params.count, (params.nesterov ? 8 : 6) * params.count};
}

}  // namespace cuda
}  // namespace backlight
