// Idea: divide the array among threads as among the cores of a processor, a stretch of 16 elements each.
//
// Hypothesis: slow, though every thread reads in order.
// Bytes: 8 read and 4 written an element.
// Predicted limit: lanes are 64 bytes apart, so each access touches 32 sectors instead of four. The
//   caches save it only as long as they hold three times 2 KB for every warp that is under way.
// Next bottleneck: the lanes of a warp, not the steps of a thread, should be neighbours.
#include "kernels/study/common.cuh"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/guided_relu/rule.cuh"

namespace backlight::study::guided_relu::v1_one_stretch_per_thread {
namespace {

constexpr int kThreads = 256, kStretch = 16;

__global__ void __launch_bounds__(kThreads) kernel(const float* __restrict__ y, const float* __restrict__ dy,
                                                   float* __restrict__ dx, std::int64_t count, float upper) {
  const std::int64_t first = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) * kStretch;
  for (std::int64_t i = first; i < first + kStretch && i < count; ++i) dx[i] = guided(y[i], dy[i], upper);
}

}  // namespace

void run(Context& context, const ReluParams& params, const float* y, const float* dy, float* dx) {
  if (params.count == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(params.count, kThreads * kStretch), kThreads, 0,
                          cuda::stream_of(context), y, dy, dx, params.count,
                          static_cast<float>(params.upper)));
}

}  // namespace backlight::study::guided_relu::v1_one_stretch_per_thread
