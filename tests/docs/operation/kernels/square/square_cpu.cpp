#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/square/square.hpp"

namespace backlight::cpu {

template <class T>
void square_forward(Context& context, std::int64_t count, const T* x, T* y) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] * x[i];
  });
}

template <class T>
void square_backward(Context& context, std::int64_t count, const T* x, const T* dy, T* dx) {
  context.parallel_ranges(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) dx[i] = 2 * x[i] * dy[i];
  });
}

template void square_forward(Context&, std::int64_t, const float*, float*);
template void square_forward(Context&, std::int64_t, const double*, double*);
template void square_backward(Context&, std::int64_t, const float*, const float*, float*);
template void square_backward(Context&, std::int64_t, const double*, const double*, double*);

}  // namespace backlight::cpu
