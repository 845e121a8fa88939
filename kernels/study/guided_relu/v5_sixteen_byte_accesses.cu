// Idea: a thread takes four neighbouring elements as one float4. Arrays that do not start at multiples of
// 16 bytes go element by element; what is left at the end is taken by the last threads.
//
// Hypothesis: a quarter of the instructions for the same sectors.
// Bytes: 12 an element.
// Predicted limit: 32 bytes in flight a thread, as v4, in two loads instead of eight.
// Next bottleneck: both ideas at once.
#include "kernels/study/common.cuh"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/guided_relu/rule.cuh"

namespace backlight::study::guided_relu::v5_sixteen_byte_accesses {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    kernel(const float* __restrict__ y, const float* __restrict__ dy, float* __restrict__ dx,
           std::int64_t count, std::int64_t vectors, float upper) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < vectors) {
    const float4 mask = __ldg(reinterpret_cast<const float4*>(y) + i);
    const float4 gradient = __ldg(reinterpret_cast<const float4*>(dy) + i);
    reinterpret_cast<float4*>(dx)[i] = guided(mask, gradient, upper);
    return;
  }
  const std::int64_t at = 4 * vectors + (i - vectors);
  if (at < count) dx[at] = guided(__ldg(y + at), __ldg(dy + at), upper);
}

}  // namespace

void run(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  if (params.count == 0) return;
  const std::int64_t vectors = at_16_bytes(y) && at_16_bytes(dy) && at_16_bytes(dx) ? params.count / 4 : 0;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(params.count - 3 * vectors, kThreads), kThreads, 0,
                          cuda::stream_of(context), y, dy, dx, params.count, vectors,
                          static_cast<float>(params.upper)));
}

}  // namespace backlight::study::guided_relu::v5_sixteen_byte_accesses
