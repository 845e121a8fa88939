// Predicted limit: a launch; the rows of a question are a few kilobytes.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/embedding/embedding.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

__device__ bool is_row(const EmbeddingParams& p, std::int32_t id) { return id >= 0 && id < p.rows; }

/// A block per token.
__global__ void __launch_bounds__(kRowThreads)
    forward_kernel(EmbeddingParams p, const std::int32_t* __restrict__ ids, const float* __restrict__ w,
                   float* __restrict__ y) {
  const std::int32_t id = ids[blockIdx.x];
  const float otherwise = is_row(p, id) ? 0.0f : NAN;
  const bool taken = is_row(p, id) && id != p.padding;
  BlockRow{}.each(p.width, [=](std::int64_t i) {
    y[std::int64_t{blockIdx.x} * p.width + i] = taken ? w[id * p.width + i] : otherwise;
  });
}

/// A thread per column walks the tokens in their order, as the CPU does; neighbours load neighbours.
__global__ void __launch_bounds__(kRowThreads)
    backward_kernel(EmbeddingParams p, const std::int32_t* __restrict__ ids, const float* __restrict__ dy,
                    float* __restrict__ dw) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (i >= p.width) return;
  for (std::int64_t k = 0; k < p.tokens; ++k) {
    const std::int32_t id = ids[k];
    if (is_row(p, id) && id != p.padding) dw[id * p.width + i] += dy[k * p.width + i];
  }
}

}  // namespace

void embedding_forward(Context& context, const EmbeddingParams& p, const std::int32_t* ids, const float* w,
                       float* y) {
  if (p.tokens == 0) return;
  CUDA_CHECK(launch(forward_kernel, blocks_for(p.tokens, 1, "embedding"), BlockRow::threads(p.width), 0,
                    stream_of(context), p, ids, w, y));
}

void embedding_backward(Context& context, const EmbeddingParams& p, const std::int32_t* ids, const float* dy,
                        float* dw) {
  CUDA_CHECK(launch(backward_kernel, blocks_for(p.width, kRowThreads, "embedding"), kRowThreads, 0,
                    stream_of(context), p, ids, dy, dw));
}

}  // namespace backlight::cuda
