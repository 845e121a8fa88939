#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/copy/copy.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void copy_rows(Context& context, const CopyParams& p, const T* x, T* y) {
  const std::int64_t blocks = ceil_div(p.count, kCopyGrain);
  context.parallel_for(p.rows * blocks, [&](std::int64_t item, int) {
    const std::int64_t row = item / blocks, begin = item % blocks * kCopyGrain;
    std::copy_n(x + row * p.x_stride + begin, std::min(kCopyGrain, p.count - begin),
                y + row * p.y_stride + begin);
  });
}

template void copy_rows(Context&, const CopyParams&, const float*, float*);
template void copy_rows(Context&, const CopyParams&, const double*, double*);

}  // namespace backlight::cpu
