// Idea: the sum over channels is a reduction, so a block reduces one position, as gradient GAP's block
// reduces a channel.
//
// Hypothesis: enough threads for any card, and yet slow.
// Bytes: 4·K·plane of A, 4·K of α and 4·plane of L at least.
// Predicted limit: channels are 4·plane bytes apart, so each lane's float comes with a sector of its own,
//   seven eighths of which belong to other blocks: eight times the traffic.
// Next bottleneck: neighbouring lanes must take neighbouring positions.
#include "kernels/study/common.cuh"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study::weighted_sum::v1_one_block_per_position {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    kernel(const float* __restrict__ alpha, const float* __restrict__ a, float* __restrict__ map,
           std::int64_t channels, std::int64_t plane) {
  SHARED(float, partial, [kThreads / kWarp]);
  const int t = static_cast<int>(threadIdx.x), lane = t % kWarp;
  const std::int64_t n = blockIdx.x / plane, position = blockIdx.x % plane;
  float sum = 0;
  for (std::int64_t k = t; k < channels; k += kThreads)
    sum += alpha[n * channels + k] * a[(n * channels + k) * plane + position];
  sum = warp_sum(sum);
  if (lane == 0) partial[t / kWarp] = sum;
  __syncthreads();
  if (t >= kWarp) return;
  sum = warp_sum(lane < kThreads / kWarp ? partial[lane] : 0.0f);
  if (lane == 0) map[blockIdx.x] = sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map) {
  const std::int64_t positions = maps.batch * maps.plane;
  if (positions == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(positions, 1), kThreads, 0, cuda::stream_of(context), alpha, a,
                          map, maps.channels, maps.plane));
}

}  // namespace backlight::study::weighted_sum::v1_one_block_per_position
