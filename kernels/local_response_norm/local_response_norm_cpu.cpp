#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/local_response_norm/local_response_norm.hpp"

namespace backlight::cpu {
namespace {

/// Positions that one item of work takes of every channel: few enough that a window of channels stays in
/// cache.
constexpr std::int64_t kBlock = 512;

/// Calls fn(first element, positions) for every block of positions of every image.
template <class Fn>
void for_each_block(Context& context, const LocalResponseNormParams& p, const Fn& fn) {
  const std::int64_t blocks = (p.plane + kBlock - 1) / kBlock;
  context.parallel_for(p.batch * blocks, [&](std::int64_t item, int) {
    const std::int64_t begin = item % blocks * kBlock;
    fn(item / blocks * p.channels * p.plane + begin, std::min(kBlock, p.plane - begin));
  });
}

/// s^−beta; AlexNet's beta needs square roots only, far cheaper than pow.
template <class T>
T inverse_power(T s, T beta) {
  if (beta == T(0.75)) return 1 / (std::sqrt(s) * std::sqrt(std::sqrt(s)));
  return std::pow(s, -beta);
}

}  // namespace

template <class T>
void local_response_norm_forward(Context& context, const LocalResponseNormParams& p, const T* x, T* y,
                                 T* scale) {
  const T factor = static_cast<T>(p.alpha / static_cast<double>(p.size));
  const T beta = static_cast<T>(p.beta), k = static_cast<T>(p.k);
  for_each_block(context, p, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const std::int64_t at = first + c * p.plane;
      T* s = scale + at;
      std::fill_n(s, count, T{0});
      const std::int64_t end = std::min(p.channels, c + (p.size - 1) / 2 + 1);
      for (std::int64_t j = std::max<std::int64_t>(0, c - p.size / 2); j < end; ++j) {
        const T* xj = x + first + j * p.plane;
        for (std::int64_t i = 0; i < count; ++i) s[i] += xj[i] * xj[i];
      }
      for (std::int64_t i = 0; i < count; ++i) s[i] = k + factor * s[i];
      for (std::int64_t i = 0; i < count; ++i) y[at + i] = x[at + i] * inverse_power(s[i], beta);
    }
  });
}

template <class T>
void local_response_norm_backward(Context& context, const LocalResponseNormParams& p, const T* x,
                                  const T* scale, const T* dy, T* dx) {
  const T factor = static_cast<T>(2 * p.alpha * p.beta / static_cast<double>(p.size));
  const T beta = static_cast<T>(p.beta);
  for_each_block(context, p, [&](std::int64_t first, std::int64_t count) {
    // Each dy·x·s^(−beta−1) is part of `size` sums, so it is computed once.
    std::vector<T> ratio(static_cast<std::size_t>(p.channels * count));
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const std::int64_t at = first + c * p.plane;
      T* r = ratio.data() + c * count;
      for (std::int64_t i = 0; i < count; ++i) {
        const T passed = dy[at + i] * inverse_power(scale[at + i], beta);
        dx[at + i] = passed;
        r[i] = passed * x[at + i] / scale[at + i];
      }
    }
    std::vector<T> sum(static_cast<std::size_t>(count));
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const std::int64_t at = first + c * p.plane;
      std::ranges::fill(sum, T{0});
      const std::int64_t end = std::min(p.channels, c + p.size / 2 + 1);
      for (std::int64_t j = std::max<std::int64_t>(0, c - (p.size - 1) / 2); j < end; ++j) {
        const T* r = ratio.data() + j * count;
        for (std::int64_t i = 0; i < count; ++i) sum[static_cast<std::size_t>(i)] += r[i];
      }
      for (std::int64_t i = 0; i < count; ++i)
        dx[at + i] -= factor * x[at + i] * sum[static_cast<std::size_t>(i)];
    }
  });
}

template void local_response_norm_forward(Context&, const LocalResponseNormParams&, const float*, float*,
                                          float*);
template void local_response_norm_forward(Context&, const LocalResponseNormParams&, const double*, double*,
                                          double*);
template void local_response_norm_backward(Context&, const LocalResponseNormParams&, const float*,
                                           const float*, const float*, float*);
template void local_response_norm_backward(Context&, const LocalResponseNormParams&, const double*,
                                           const double*, const double*, double*);

}  // namespace backlight::cpu
