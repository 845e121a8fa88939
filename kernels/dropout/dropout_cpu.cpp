#include "engine/core/random.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/dropout/dropout.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void dropout(Context& context, const DropoutParams& params, const T* x, T* y) {
  const T scale = params.p < 1 ? static_cast<T>(1 / (1 - params.p)) : T{0};
  context.parallel_ranges(params.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      y[i] = random_uniform(params.seed, static_cast<std::uint64_t>(i)) >= params.p ? scale * x[i] : T{0};
  });
}

template void dropout(Context&, const DropoutParams&, const float*, float*);
template void dropout(Context&, const DropoutParams&, const double*, double*);

}  // namespace backlight::cpu
