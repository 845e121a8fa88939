#include <algorithm>
#include <cmath>

#include "engine/runtime/device.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

/// Σ term(i) over [0, count) in double: eight interleaved sums, so that the loop vectorises and the order
/// stays.
template <class Fn>
double sum(std::int64_t count, const Fn& term) {
  double lanes[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (std::int64_t lane = 0; lane < 8; ++lane) lanes[lane] += term(i + lane);
  for (std::int64_t lane = 0; i < count; ++i, ++lane) lanes[lane] += term(i);
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

template <class T>
T inverse_deviation(const BatchNormParams& p, T variance) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + p.eps));
}

/// Calls fn(channel); the images of a channel are visited in order by one thread.
template <class Fn>
void for_each_channel(Context& context, const BatchNormParams& p, const Fn& fn) {
  const std::int64_t size = std::max<std::int64_t>(1, p.batch * p.plane);
  context.parallel_ranges(p.channels, kGrain / size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) fn(c);
  });
}

}  // namespace

template <class T>
void batch_norm_statistics(Context& context, const BatchNormParams& p, const T* x, T* mean, T* variance,
                           T* unbiased) {
  for_each_channel(context, p, [=, &p](std::int64_t c) {
    const double count = static_cast<double>(p.batch * p.plane);
    double total = 0, squares = 0;
    for (std::int64_t n = 0; n < p.batch; ++n) {
      const T* xp = x + (n * p.channels + c) * p.plane;
      total += sum(p.plane, [=](std::int64_t i) { return static_cast<double>(xp[i]); });
    }
    const double centre = total / count;
    for (std::int64_t n = 0; n < p.batch; ++n) {
      const T* xp = x + (n * p.channels + c) * p.plane;
      squares += sum(p.plane, [=](std::int64_t i) {
        const double d = static_cast<double>(xp[i]) - centre;
        return d * d;
      });
    }
    mean[c] = static_cast<T>(centre);
    variance[c] = static_cast<T>(squares / count);
    unbiased[c] = static_cast<T>(static_cast<double>(variance[c]) * (count / (count - 1)));
  });
}

template <class T>
void batch_norm_update_running(Context&, std::int64_t channels, double momentum, const T* mean,
                               const T* unbiased, T* running_mean, T* running_variance) {
  const auto moved = [=](T running, T observed) {
    return static_cast<T>((1 - momentum) * static_cast<double>(running) +
                          momentum * static_cast<double>(observed));
  };
  for (std::int64_t c = 0; c < channels; ++c) {
    running_mean[c] = moved(running_mean[c], mean[c]);
    running_variance[c] = moved(running_variance[c], unbiased[c]);
  }
}

template <class T>
void batch_norm_forward(Context& context, const BatchNormParams& p, const T* x, const T* weight,
                        const T* bias, const T* mean, const T* variance, T* y) {
  batch_norm_fused_forward(context, p, x, weight, bias, mean, variance, {}, y);
}

// A plane of y stays in cache from one loop to the next.
template <class T>
void batch_norm_fused_forward(Context& context, const BatchNormParams& p, const T* x, const T* weight,
                              const T* bias, const T* mean, const T* variance, const Epilogue<T>& epilogue,
                              T* y) {
  const std::int64_t grain = kGrain / std::max<std::int64_t>(1, p.plane);
  const T upper = static_cast<T>(epilogue.upper);
  context.parallel_ranges(p.batch * p.channels, grain, [=, &p](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const std::int64_t c = plane % p.channels, first = plane * p.plane, last = first + p.plane;
      const T scale = weight[c] * inverse_deviation(p, variance[c]);
      const T shift = bias[c] - mean[c] * scale;
      for (std::int64_t i = first; i < last; ++i) y[i] = x[i] * scale + shift;
      if (const T* residual = epilogue.residual)
        for (std::int64_t i = first; i < last; ++i) y[i] += residual[i];
      if (!epilogue.relu) continue;
      for (std::int64_t i = first; i < last; ++i) {
        const T positive = y[i] < T{0} ? T{0} : y[i];
        y[i] = positive > upper ? upper : positive;
      }
    }
  });
}

template <class T>
void batch_norm_backward(Context& context, const BatchNormParams& p, const T* x, const T* weight,
                         const T* mean, const T* variance, const T* dy, T* dx, T* dweight, T* dbias) {
  for_each_channel(context, p, [=, &p](std::int64_t c) {
    const T s = inverse_deviation(p, variance[c]);
    const T scale = weight[c] * s;
    double dy_sum = 0, dy_x_sum = 0;
    if (dbias || p.training) {
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const T* dyp = dy + (n * p.channels + c) * p.plane;
        dy_sum += sum(p.plane, [=](std::int64_t i) { return static_cast<double>(dyp[i]); });
      }
    }
    if (dweight || p.training) {
      const double centre = static_cast<double>(mean[c]);
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int64_t at = (n * p.channels + c) * p.plane;
        const T *xp = x + at, *dyp = dy + at;
        dy_x_sum += sum(p.plane, [=](std::int64_t i) {
          return static_cast<double>(dyp[i]) * (static_cast<double>(xp[i]) - centre);
        });
      }
      dy_x_sum *= static_cast<double>(s);
    }
    if (dweight) dweight[c] += static_cast<T>(dy_x_sum);
    if (dbias) dbias[c] += static_cast<T>(dy_sum);
    if (!dx) return;
    const double count = static_cast<double>(p.batch * p.plane);
    const T through_mean = static_cast<T>(dy_sum / count);
    const T through_variance = static_cast<T>(dy_x_sum / count * static_cast<double>(s));  // of x − mean
    for (std::int64_t n = 0; n < p.batch; ++n) {
      const std::int64_t at = (n * p.channels + c) * p.plane;
      if (p.training)
        for (std::int64_t i = at; i < at + p.plane; ++i)
          dx[i] = scale * (dy[i] - through_mean - (x[i] - mean[c]) * through_variance);
      else
        for (std::int64_t i = at; i < at + p.plane; ++i) dx[i] = scale * dy[i];
    }
  });
}

template void batch_norm_statistics(Context&, const BatchNormParams&, const float*, float*, float*, float*);
template void batch_norm_statistics(Context&, const BatchNormParams&, const double*, double*, double*,
                                    double*);
template void batch_norm_update_running(Context&, std::int64_t, double, const float*, const float*, float*,
                                        float*);
template void batch_norm_update_running(Context&, std::int64_t, double, const double*, const double*, double*,
                                        double*);
template void batch_norm_forward(Context&, const BatchNormParams&, const float*, const float*, const float*,
                                 const float*, const float*, float*);
template void batch_norm_forward(Context&, const BatchNormParams&, const double*, const double*,
                                 const double*, const double*, const double*, double*);
template void batch_norm_fused_forward(Context&, const BatchNormParams&, const float*, const float*,
                                       const float*, const float*, const float*, const Epilogue<float>&,
                                       float*);
template void batch_norm_fused_forward(Context&, const BatchNormParams&, const double*, const double*,
                                       const double*, const double*, const double*, const Epilogue<double>&,
                                       double*);
template void batch_norm_backward(Context&, const BatchNormParams&, const float*, const float*, const float*,
                                  const float*, const float*, float*, float*, float*);
template void batch_norm_backward(Context&, const BatchNormParams&, const double*, const double*,
                                  const double*, const double*, const double*, double*, double*, double*);

}  // namespace backlight::cpu
