#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/runtime/device.hpp"
#include "kernels/cross_entropy/cross_entropy.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {
namespace {

/// log Σ exp(x_k), without overflow.
template <class T>
double log_sum_exp(const T* x, std::int64_t classes) {
  const double m = static_cast<double>(*std::max_element(x, x + classes));
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(x[k]) - m);
  return m + std::log(sum);
}

}  // namespace

template <class T>
void cross_entropy_forward(Context& context, const CrossEntropyParams& p, const T* x,
                           const std::int64_t* labels, double* losses) {
  const std::int64_t each = p.labels_per_row;
  context.parallel_ranges(
      p.batch, kExponentialGrain / p.classes, [=, &p](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
          const T* xn = x + n * p.classes;
          const double log_sum = log_sum_exp(xn, p.classes);
          // A score of −∞ belongs to a class that cannot be, and costs nothing unless it is smoothed over.
          double mean = 0;
          if (p.smoothing > 0)
            mean = std::accumulate(xn, xn + p.classes, 0.0) / static_cast<double>(p.classes);
          double score = 0;  // mean over the labels
          for (std::int64_t i = 0; i < each; ++i) score += static_cast<double>(xn[labels[n * each + i]]);
          score /= static_cast<double>(each);
          losses[n] = log_sum - (1 - p.smoothing) * score - p.smoothing * mean;
        }
      });
}

template <class T>
void cross_entropy_backward(Context& context, const CrossEntropyParams& p, const T* x,
                            const std::int64_t* labels, T* dx) {
  const double share = p.smoothing / static_cast<double>(p.classes);
  const std::int64_t each = p.labels_per_row;
  context.parallel_ranges(
      p.batch, kExponentialGrain / p.classes, [=, &p](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
          const T* xn = x + n * p.classes;
          const std::int64_t* own = labels + n * each;
          const double log_sum = log_sum_exp(xn, p.classes);
          for (std::int64_t k = 0; k < p.classes; ++k) {
            const auto hits = static_cast<double>(std::count(own, own + each, k));
            const double target = (1 - p.smoothing) * (hits / static_cast<double>(each)) + share;
            const double probability = std::exp(static_cast<double>(xn[k]) - log_sum);
            dx[n * p.classes + k] = static_cast<T>((probability - target) / static_cast<double>(p.batch));
          }
        }
      });
}

template void cross_entropy_forward(Context&, const CrossEntropyParams&, const float*, const std::int64_t*,
                                    double*);
template void cross_entropy_forward(Context&, const CrossEntropyParams&, const double*, const std::int64_t*,
                                    double*);
template void cross_entropy_backward(Context&, const CrossEntropyParams&, const float*, const std::int64_t*,
                                     float*);
template void cross_entropy_backward(Context&, const CrossEntropyParams&, const double*, const std::int64_t*,
                                     double*);

}  // namespace backlight::cpu
