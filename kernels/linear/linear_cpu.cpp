#include <algorithm>

#include "engine/device.hpp"
#include "kernels/linear/linear.hpp"

namespace backlight::cpu {
namespace {

constexpr std::int64_t kLanes = 32;

/// Sums in kLanes interleaved lanes, whatever the batch.
template <class T>
T dot(const T* a, const T* b, std::int64_t count) {
  T lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i) lanes[i % kLanes] += a[i] * b[i];
  T sum = 0;
  for (const T lane : lanes) sum += lane;
  return sum;
}

}  // namespace

template <class T>
void linear_forward(Context& context, const LinearParams& a, const T* x, const T* w, const T* bias, T* y) {
  context.parallel_ranges(a.out, 16, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o)
      for (std::int64_t n = 0; n < a.batch; ++n)
        y[n * a.out + o] = dot(w + o * a.in, x + n * a.in, a.in) + (bias ? bias[o] : T{0});
  });
}

template <class T>
void linear_backward_data(Context& context, const LinearParams& a, const T* dy, const T* w, T* dx) {
  context.parallel_ranges(a.in, 2048, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = 0; n < a.batch; ++n) std::fill(dx + n * a.in + begin, dx + n * a.in + end, T{0});
    for (std::int64_t o = 0; o < a.out; ++o)
      for (std::int64_t n = 0; n < a.batch; ++n) {
        const T scale = dy[n * a.out + o];
        for (std::int64_t i = begin; i < end; ++i) dx[n * a.in + i] += scale * w[o * a.in + i];
      }
  });
}

template <class T>
void linear_backward_filter(Context& context, const LinearParams& a, const T* x, const T* dy, T* dw) {
  context.parallel_ranges(a.out, 16, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o)
      for (std::int64_t n = 0; n < a.batch; ++n) {
        const T scale = dy[n * a.out + o];
        for (std::int64_t i = 0; i < a.in; ++i) dw[o * a.in + i] += scale * x[n * a.in + i];
      }
  });
}

template <class T>
void linear_backward_bias(Context&, const LinearParams& a, const T* dy, T* db) {
  for (std::int64_t n = 0; n < a.batch; ++n)
    for (std::int64_t o = 0; o < a.out; ++o) db[o] += dy[n * a.out + o];
}

#define BACKLIGHT_INSTANTIATE(T)                                                                 \
  template void linear_forward(Context&, const LinearParams&, const T*, const T*, const T*, T*); \
  template void linear_backward_data(Context&, const LinearParams&, const T*, const T*, T*);     \
  template void linear_backward_filter(Context&, const LinearParams&, const T*, const T*, T*);   \
  template void linear_backward_bias(Context&, const LinearParams&, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
