#include "engine/runtime/device.hpp"
#include "kernels/adam/adam.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void adam_step(Context& context, const AdamParams& params, const T* dw, T* w, T* m, T* v) {
  const T scale = static_cast<T>(params.scale), rate = static_cast<T>(params.rate());
  const T root = static_cast<T>(params.root()), epsilon = static_cast<T>(params.epsilon);
  const T new_m = static_cast<T>(1 - params.beta1), old_v = static_cast<T>(params.beta2);
  const T new_v = static_cast<T>(1 - params.beta2);
  context.parallel_ranges(params.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = scale * dw[i];
      m[i] += new_m * (g - m[i]);
      v[i] = old_v * v[i] + new_v * (g * g);
      w[i] -= rate * (m[i] / (std::sqrt(v[i]) / root + epsilon));
    }
  });
}

template void adam_step(Context&, const AdamParams&, const float*, float*, float*, float*);
template void adam_step(Context&, const AdamParams&, const double*, double*, double*, double*);

}  // namespace backlight::cpu
