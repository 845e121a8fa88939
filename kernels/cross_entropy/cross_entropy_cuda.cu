// A block per image. Scores are few, so float64 should cost nothing that is seen next to a launch.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/cross_entropy/cross_entropy.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

/// log Σ exp(x_k), without overflow.
__device__ double log_sum_exp(const float* x, std::int64_t classes) {
  const double m = row_max(BlockRow{}, classes, [=](std::int64_t k) { return x[k]; });
  return m + log(row_sum<double>(BlockRow{}, classes, [=](std::int64_t k) { return exp(double{x[k]} - m); }));
}

__global__ void __launch_bounds__(kRowThreads)
    forward_kernel(CrossEntropyParams p, const float* __restrict__ x, const std::int64_t* __restrict__ labels,
                   double* __restrict__ losses) {
  const float* xn = x + std::int64_t{blockIdx.x} * p.classes;
  const double log_sum = log_sum_exp(xn, p.classes);
  // A score of −∞ belongs to a class that cannot be, and costs nothing unless it is smoothed over.
  double mean = 0;
  if (p.smoothing > 0)
    mean = row_sum<double>(BlockRow{}, p.classes, [=](std::int64_t k) { return double{xn[k]}; }) /
           static_cast<double>(p.classes);
  if (threadIdx.x > 0) return;
  const std::int64_t* own = labels + std::int64_t{blockIdx.x} * p.labels_per_row;
  double score = 0;  // mean over the labels
  for (std::int64_t i = 0; i < p.labels_per_row; ++i) score += double{xn[own[i]]};
  score /= static_cast<double>(p.labels_per_row);
  losses[blockIdx.x] = log_sum - (1 - p.smoothing) * score - p.smoothing * mean;
}

__global__ void __launch_bounds__(kRowThreads)
    backward_kernel(CrossEntropyParams p, double label_share, double share, double scale,
                    const float* __restrict__ x, const std::int64_t* __restrict__ labels,
                    float* __restrict__ dx) {
  const float* xn = x + std::int64_t{blockIdx.x} * p.classes;
  float* dxn = dx + std::int64_t{blockIdx.x} * p.classes;
  const double log_sum = log_sum_exp(xn, p.classes);
  const std::int64_t* own = labels + std::int64_t{blockIdx.x} * p.labels_per_row;
  BlockRow{}.each(p.classes, [=](std::int64_t k) {
    double target = share;
    for (std::int64_t i = 0; i < p.labels_per_row; ++i)
      if (own[i] == k) target += label_share;
    dxn[k] = static_cast<float>((exp(double{xn[k]} - log_sum) - target) * scale);
  });
}

}  // namespace

void cross_entropy_forward(Context& context, const CrossEntropyParams& p, const float* x,
                           const std::int64_t* labels, double* losses) {
  if (p.batch == 0) return;
  CUDA_CHECK(launch(forward_kernel, blocks_for(p.batch, 1, "cross_entropy"), BlockRow::threads(p.classes), 0,
                    stream_of(context), p, x, labels, losses));
}

void cross_entropy_backward(Context& context, const CrossEntropyParams& p, const float* x,
                            const std::int64_t* labels, float* dx) {
  if (p.batch == 0) return;
  CUDA_CHECK(launch(backward_kernel, blocks_for(p.batch, 1, "cross_entropy"), BlockRow::threads(p.classes), 0,
                    stream_of(context), p, (1 - p.smoothing) / static_cast<double>(p.labels_per_row),
                    p.smoothing / static_cast<double>(p.classes), 1 / static_cast<double>(p.batch), x, labels,
                    dx));
}

}  // namespace backlight::cuda
