#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/sgd/sgd.hpp"

namespace backlight::cpu {

template <class T>
void sgd_step(Context& context, const SgdParams& params, const T* dw, T* w, T* v) {
  const T rate = static_cast<T>(params.learning_rate);
  const T momentum = static_cast<T>(params.momentum);
  const T decay = static_cast<T>(params.weight_decay);
  const bool nesterov = params.nesterov;
  context.parallel_ranges(params.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = dw[i] + decay * w[i];
      v[i] = momentum * v[i] + g;
      w[i] -= rate * (nesterov ? g + momentum * v[i] : v[i]);
    }
  });
}

template void sgd_step(Context&, const SgdParams&, const float*, float*, float*);
template void sgd_step(Context&, const SgdParams&, const double*, double*, double*);

}  // namespace backlight::cpu
