#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/maximum/maximum.hpp"

namespace backlight::cpu {
namespace {

/// A NaN is taken wherever it stands.
template <class T>
bool takes_first(T a, T b) {
  return a >= b || a != a;
}

}  // namespace

template <class T>
void maximum_forward(Context& context, std::int64_t count, const T* a, const T* b, T* y) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = takes_first(a[i], b[i]) ? a[i] : b[i];
  });
}

template <class T>
void maximum_backward(Context& context, std::int64_t count, bool of_first, const T* first, const T* second,
                      const T* dy, T* dx) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      dx[i] = takes_first(first[i], second[i]) == of_first ? dy[i] : T{0};
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                 \
  template void maximum_forward(Context&, std::int64_t, const T*, const T*, T*); \
  template void maximum_backward(Context&, std::int64_t, bool, const T*, const T*, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
