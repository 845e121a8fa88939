// One step of stochastic gradient descent with momentum and weight decay, in the order of torch.optim.SGD:
//
//   g  = dw + λ·w
//   v ← μ·v + g            v = 0 before the first step
//   w ← w − η·v            Nesterov:  w ← w − η·(g + μ·v)
#pragma once

#include <cstdint>

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
}  // namespace backlight
