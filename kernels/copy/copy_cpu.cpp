#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/copy/copy.hpp"

namespace backlight::cpu {
namespace {
constexpr std::int64_t kGrain = 1 << 16;
}

template <class T>
void copy_rows(Context& context, const CopyParams& p, const T* x, T* y) {
  const std::int64_t blocks = (p.count + kGrain - 1) / kGrain;
  context.parallel_for(p.rows * blocks, [&](std::int64_t item, int) {
    const std::int64_t row = item / blocks, begin = item % blocks * kGrain;
    std::copy_n(x + row * p.x_stride + begin, std::min(kGrain, p.count - begin),
                y + row * p.y_stride + begin);
  });
}

template void copy_rows(Context&, const CopyParams&, const float*, float*);
template void copy_rows(Context&, const CopyParams&, const double*, double*);

}  // namespace backlight::cpu
