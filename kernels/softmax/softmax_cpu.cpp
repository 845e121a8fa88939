#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/softmax/softmax.hpp"

namespace backlight::cpu {
namespace {

/// Calls fn(offset) with the first element of every distribution; the next ones follow `inner` apart.
template <class Fn>
void for_each_distribution(Context& context, const SoftmaxParams& p, const Fn& fn) {
  const std::int64_t grain = kExponentialGrain / std::max<std::int64_t>(1, p.classes);
  context.parallel_ranges(p.outer * p.inner, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) fn(i / p.inner * p.classes * p.inner + i % p.inner);
  });
}

template <class T>
T largest(const SoftmaxParams& p, const T* x) {
  T m = x[0];
  for (std::int64_t k = 1; k < p.classes; ++k) m = std::max(m, x[k * p.inner]);
  return m;
}

}  // namespace

template <class T>
void softmax_forward(Context& context, const SoftmaxParams& p, const T* x, T* y) {
  for_each_distribution(context, p, [=](std::int64_t offset) {
    const T* xs = x + offset;
    T* ys = y + offset;
    const T m = largest(p, xs);
    double sum = 0;
    for (std::int64_t k = 0; k < p.classes; ++k) {
      ys[k * p.inner] = std::exp(xs[k * p.inner] - m);
      sum += static_cast<double>(ys[k * p.inner]);
    }
    for (std::int64_t k = 0; k < p.classes; ++k) ys[k * p.inner] /= static_cast<T>(sum);
  });
}

template <class T>
void softmax_backward(Context& context, const SoftmaxParams& p, const T* y, const T* dy, T* dx) {
  for_each_distribution(context, p, [=](std::int64_t offset) {
    const T *ys = y + offset, *dys = dy + offset;
    double dot = 0;
    for (std::int64_t k = 0; k < p.classes; ++k)
      dot += static_cast<double>(dys[k * p.inner]) * static_cast<double>(ys[k * p.inner]);
    for (std::int64_t k = 0; k < p.classes; ++k)
      dx[offset + k * p.inner] = ys[k * p.inner] * (dys[k * p.inner] - static_cast<T>(dot));
  });
}

template <class T>
void masked_softmax_forward(Context& context, const SoftmaxParams& p, const std::int32_t* tokens, const T* x,
                            T* y) {
  for_each_distribution(context, p, [=](std::int64_t offset) {
    const std::int32_t* mask = tokens + offset / (p.classes * p.inner) * p.classes;
    const T* xs = x + offset;
    T* ys = y + offset;
    T m = -std::numeric_limits<T>::infinity();
    for (std::int64_t k = 0; k < p.classes; ++k)
      if (mask[k] != 0) m = std::max(m, xs[k * p.inner]);
    double sum = 0;
    for (std::int64_t k = 0; k < p.classes; ++k) {
      ys[k * p.inner] = mask[k] != 0 ? std::exp(xs[k * p.inner] - m) : T{0};
      sum += static_cast<double>(ys[k * p.inner]);
    }
    for (std::int64_t k = 0; k < p.classes; ++k)
      if (mask[k] != 0) ys[k * p.inner] /= static_cast<T>(sum);
  });
}

template <class T>
void log_softmax_forward(Context& context, const SoftmaxParams& p, const T* x, T* y) {
  for_each_distribution(context, p, [=](std::int64_t offset) {
    const T* xs = x + offset;
    const T m = largest(p, xs);
    double sum = 0;
    for (std::int64_t k = 0; k < p.classes; ++k) sum += static_cast<double>(std::exp(xs[k * p.inner] - m));
    const T log_sum = static_cast<T>(std::log(sum));
    for (std::int64_t k = 0; k < p.classes; ++k) y[offset + k * p.inner] = xs[k * p.inner] - m - log_sum;
  });
}

template <class T>
void log_softmax_backward(Context& context, const SoftmaxParams& p, const T* y, const T* dy, T* dx) {
  for_each_distribution(context, p, [=](std::int64_t offset) {
    const T *ys = y + offset, *dys = dy + offset;
    double sum = 0;
    for (std::int64_t k = 0; k < p.classes; ++k) sum += static_cast<double>(dys[k * p.inner]);
    for (std::int64_t k = 0; k < p.classes; ++k)
      dx[offset + k * p.inner] = dys[k * p.inner] - std::exp(ys[k * p.inner]) * static_cast<T>(sum);
  });
}

template void softmax_forward(Context&, const SoftmaxParams&, const float*, float*);
template void softmax_forward(Context&, const SoftmaxParams&, const double*, double*);
template void softmax_backward(Context&, const SoftmaxParams&, const float*, const float*, float*);
template void softmax_backward(Context&, const SoftmaxParams&, const double*, const double*, double*);
template void masked_softmax_forward(Context&, const SoftmaxParams&, const std::int32_t*, const float*,
                                     float*);
template void masked_softmax_forward(Context&, const SoftmaxParams&, const std::int32_t*, const double*,
                                     double*);
template void log_softmax_forward(Context&, const SoftmaxParams&, const float*, float*);
template void log_softmax_forward(Context&, const SoftmaxParams&, const double*, double*);
template void log_softmax_backward(Context&, const SoftmaxParams&, const float*, const float*, float*);
template void log_softmax_backward(Context&, const SoftmaxParams&, const double*, const double*, double*);

}  // namespace backlight::cpu
