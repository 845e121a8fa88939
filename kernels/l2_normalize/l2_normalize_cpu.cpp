#include <algorithm>
#include <cmath>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/l2_normalize/l2_normalize.hpp"

namespace backlight::cpu {
namespace {

template <class T>
double product_of(std::int64_t width, const T* a, const T* b) {
  double sum = 0;
  for (std::int64_t i = 0; i < width; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

/// fn(offset) with the first element of every row.
template <class Fn>
void for_each_row(Context& context, const L2NormalizeParams& p, const Fn& fn) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.width));
  context.parallel_ranges(p.rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) fn(row * p.width);
  });
}

}  // namespace

template <class T>
void l2_normalize_forward(Context& context, const L2NormalizeParams& p, const T* x, T* y) {
  for_each_row(context, p, [=](std::int64_t at) {
    const double factor = p.scale / std::max(std::sqrt(product_of(p.width, x + at, x + at)), p.eps);
    for (std::int64_t i = at; i < at + p.width; ++i)
      y[i] = static_cast<T>(static_cast<double>(x[i]) * factor);
  });
}

template <class T>
void l2_normalize_backward(Context& context, const L2NormalizeParams& p, const T* x, const T* dy, T* dx) {
  for_each_row(context, p, [=](std::int64_t at) {
    const double length = std::sqrt(product_of(p.width, x + at, x + at));
    const bool constant = p.detached || length < p.eps;
    const double along = constant ? 0 : product_of(p.width, x + at, dy + at) / (length * length);
    const double factor = p.scale / std::max(length, p.eps);
    for (std::int64_t i = at; i < at + p.width; ++i)
      dx[i] = static_cast<T>((static_cast<double>(dy[i]) - static_cast<double>(x[i]) * along) * factor);
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                        \
  template void l2_normalize_forward(Context&, const L2NormalizeParams&, const T*, T*); \
  template void l2_normalize_backward(Context&, const L2NormalizeParams&, const T*, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
