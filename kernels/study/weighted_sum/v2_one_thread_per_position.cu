// Idea: a thread owns a position and walks all channels; its neighbours own its neighbours.
//
// Hypothesis: four sectors a load, no shared memory, no barrier.
// Bytes: 4·(K·plane + K + plane), each moved once; α comes by broadcast.
// Predicted limit: there are only as many threads as positions. A 14×14 map is seven warps on the whole
//   card, each with one load under way: latency times channels.
// Next bottleneck: more threads for the same positions.
#include "kernels/study/common.cuh"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study::weighted_sum::v2_one_thread_per_position {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    kernel(const float* __restrict__ alpha, const float* __restrict__ a, float* __restrict__ map,
           std::int64_t channels, std::int64_t plane, std::int64_t positions) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (at >= positions) return;
  const std::int64_t n = at / plane, position = at % plane;
  float sum = 0;
#pragma unroll 1
  for (std::int64_t k = 0; k < channels; ++k)
    sum += alpha[n * channels + k] * a[(n * channels + k) * plane + position];
  map[at] = sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map) {
  const std::int64_t positions = maps.batch * maps.plane;
  if (positions == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(positions, kThreads), kThreads, 0, cuda::stream_of(context),
                          alpha, a, map, maps.channels, maps.plane, positions));
}

}  // namespace backlight::study::weighted_sum::v2_one_thread_per_position
