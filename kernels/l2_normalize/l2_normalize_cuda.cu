// Predicted limit: a launch; a batch of vectors is small. A block per row, which walks over it twice.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/l2_normalize/l2_normalize.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

__global__ void __launch_bounds__(kRowThreads)
    forward_kernel(std::int64_t width, float scale, float eps, const float* x, float* y) {
  const std::int64_t at = std::int64_t{blockIdx.x} * width;
  const float square =
      row_sum<float>(BlockRow{}, width, [=](std::int64_t i) { return x[at + i] * x[at + i]; });
  const float factor = scale / fmaxf(sqrtf(square), eps);
  BlockRow{}.each(width, [=](std::int64_t i) { y[at + i] = x[at + i] * factor; });
}

__global__ void __launch_bounds__(kRowThreads)
    backward_kernel(std::int64_t width, float scale, float eps, bool detached, const float* __restrict__ x,
                    const float* __restrict__ dy, float* __restrict__ dx) {
  const std::int64_t at = std::int64_t{blockIdx.x} * width;
  const float square =
      row_sum<float>(BlockRow{}, width, [=](std::int64_t i) { return x[at + i] * x[at + i]; });
  const float product =
      row_sum<float>(BlockRow{}, width, [=](std::int64_t i) { return x[at + i] * dy[at + i]; });
  const float length = sqrtf(square), factor = scale / fmaxf(length, eps);
  const float along = detached || length < eps ? 0.0f : product / square;
  BlockRow{}.each(width, [=](std::int64_t i) { dx[at + i] = (dy[at + i] - x[at + i] * along) * factor; });
}

}  // namespace

void l2_normalize_forward(Context& context, const L2NormalizeParams& p, const float* x, float* y) {
  if (p.rows == 0) return;
  CUDA_CHECK(launch(forward_kernel, blocks_for(p.rows, 1, "l2_normalize"), BlockRow::threads(p.width), 0,
                    stream_of(context), p.width, static_cast<float>(p.scale), static_cast<float>(p.eps), x,
                    y));
}

void l2_normalize_backward(Context& context, const L2NormalizeParams& p, const float* x, const float* dy,
                           float* dx) {
  if (p.rows == 0) return;
  CUDA_CHECK(launch(backward_kernel, blocks_for(p.rows, 1, "l2_normalize"), BlockRow::threads(p.width), 0,
                    stream_of(context), p.width, static_cast<float>(p.scale), static_cast<float>(p.eps),
                    p.detached, x, dy, dx));
}

}  // namespace backlight::cuda
