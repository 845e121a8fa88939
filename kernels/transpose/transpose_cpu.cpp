#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/transpose/transpose.hpp"

namespace backlight::cpu {

template <class T>
void transpose(Context& context, const TransposeParams& p, const T* x, T* y) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.rows));
  context.parallel_ranges(p.batch * p.columns, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const T* from = x + line / p.columns * p.rows * p.columns + line % p.columns;
      for (std::int64_t i = 0; i < p.rows; ++i) y[line * p.rows + i] = from[i * p.columns];
    }
  });
}

template void transpose(Context&, const TransposeParams&, const float*, float*);
template void transpose(Context&, const TransposeParams&, const double*, double*);

}  // namespace backlight::cpu
