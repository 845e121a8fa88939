// Idea: four float4 a thread, a block's width apart. This is the design of the library's
// kernels/elementwise.cuh.
//
// Hypothesis: 128 bytes in flight a thread; memory is the limit whatever the occupancy.
// Bytes: 12 an element.
// Predicted limit: bytes over bandwidth, for arrays that are larger than the second-level cache.
// Next bottleneck: the bytes themselves: dx may overwrite dy, which saves no traffic; fusing the rule
//   into the kernel that makes dy would save 8 of the 12.
#include "kernels/study/common.cuh"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/guided_relu/rule.cuh"

namespace backlight::study::guided_relu::v6_four_vectors_per_thread {
namespace {

constexpr int kThreads = 256, kVectors = 4;

__global__ void __launch_bounds__(kThreads)
    kernel(const float* __restrict__ y, const float* __restrict__ dy, float* __restrict__ dx,
           std::int64_t count, std::int64_t vectors, float upper) {
  const std::int64_t first = std::int64_t{blockIdx.x} * (kThreads * kVectors) + threadIdx.x;
  float4 result[kVectors];
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const std::int64_t i = first + v * kThreads;
    if (i >= vectors) continue;
    const float4 mask = __ldg(reinterpret_cast<const float4*>(y) + i);
    const float4 gradient = __ldg(reinterpret_cast<const float4*>(dy) + i);
    result[v] = guided(mask, gradient, upper);
  }
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const std::int64_t i = first + v * kThreads;
    if (i < vectors) reinterpret_cast<float4*>(dx)[i] = result[v];
  }
  const std::int64_t threads = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = 4 * vectors + std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += threads)
    dx[i] = guided(__ldg(y + i), __ldg(dy + i), upper);
}

}  // namespace

void run(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  if (params.count == 0) return;
  const std::int64_t vectors = at_16_bytes(y) && at_16_bytes(dy) && at_16_bytes(dx) ? params.count / 4 : 0;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(params.count, 4 * kThreads * kVectors), kThreads, 0,
                          cuda::stream_of(context), y, dy, dx, params.count, vectors,
                          static_cast<float>(params.upper)));
}

}  // namespace backlight::study::guided_relu::v6_four_vectors_per_thread
