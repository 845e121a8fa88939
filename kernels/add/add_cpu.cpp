#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/add/add.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void add_forward(Context& context, std::int64_t count, const T* a, const T* b, T* y) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
  });
}

template <class T>
void add_backward(Context& context, std::int64_t count, const T* dy, T* dx) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    std::copy(dy + begin, dy + end, dx + begin);
  });
}

template void add_forward(Context&, std::int64_t, const float*, const float*, float*);
template void add_forward(Context&, std::int64_t, const double*, const double*, double*);
template void add_backward(Context&, std::int64_t, const float*, float*);
template void add_backward(Context&, std::int64_t, const double*, double*);

}  // namespace backlight::cpu
