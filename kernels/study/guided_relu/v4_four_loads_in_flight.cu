// Idea: four elements a thread, a block's width apart; all are loaded before the first is stored.
//
// Hypothesis: the same sectors, a quarter of the blocks, four times the bytes in flight per thread.
// Bytes: 12 an element.
// Predicted limit: instructions. Each element still costs three accesses with an address and a comparison
//   with the end. Next bottleneck: wider accesses.
#include "kernels/study/common.cuh"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/guided_relu/rule.cuh"

namespace backlight::study::guided_relu::v4_four_loads_in_flight {
namespace {

constexpr int kThreads = 256, kElements = 4;

__global__ void __launch_bounds__(kThreads) kernel(const float* __restrict__ y, const float* __restrict__ dy,
                                                   float* __restrict__ dx, std::int64_t count, float upper) {
  const std::int64_t first = std::int64_t{blockIdx.x} * (kThreads * kElements) + threadIdx.x;
  float mask[kElements] = {}, gradient[kElements] = {};
#pragma unroll
  for (int j = 0; j < kElements; ++j) {
    const std::int64_t i = first + j * kThreads;
    if (i >= count) continue;
    mask[j] = __ldg(y + i);
    gradient[j] = __ldg(dy + i);
  }
#pragma unroll
  for (int j = 0; j < kElements; ++j) {
    const std::int64_t i = first + j * kThreads;
    if (i < count) dx[i] = guided(mask[j], gradient[j], upper);
  }
}

}  // namespace

void run(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  if (params.count == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(params.count, kThreads * kElements), kThreads, 0,
                          cuda::stream_of(context), y, dy, dx, params.count,
                          static_cast<float>(params.upper)));
}

}  // namespace backlight::study::guided_relu::v4_four_loads_in_flight
