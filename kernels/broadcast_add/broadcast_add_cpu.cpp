#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/broadcast_add/broadcast_add.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void broadcast_add_forward(Context& context, const BroadcastAddParams& p, const T* a, const T* b, T* y) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.inner));
  context.parallel_ranges(p.outer * p.repeats, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const T *as = a + line * p.inner, *bs = b + line / p.repeats * p.inner;
      for (std::int64_t i = 0; i < p.inner; ++i) y[line * p.inner + i] = as[i] + bs[i];
    }
  });
}

template <class T>
void broadcast_add_backward(Context& context, const BroadcastAddParams& p, const T* dy, T* db) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.repeats));
  context.parallel_ranges(p.outer * p.inner, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const T* first = dy + j / p.inner * p.repeats * p.inner + j % p.inner;
      double sum = 0;
      for (std::int64_t r = 0; r < p.repeats; ++r) sum += static_cast<double>(first[r * p.inner]);
      db[j] = static_cast<T>(sum);
    }
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                                    \
  template void broadcast_add_forward(Context&, const BroadcastAddParams&, const T*, const T*, T*); \
  template void broadcast_add_backward(Context&, const BroadcastAddParams&, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
