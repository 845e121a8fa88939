// Idea: unroll the walk over channels by eight. This is the design of the library's
// kernels/grad_cam/grad_cam_cuda.cu.
//
// Hypothesis: eight loads of A and of α under way per thread, one wait instead of eight; the sectors
//   stay.
// Bytes: as before.
// Predicted limit: blocks. A 14×14 map has seven of them, a 7×7 map two, on cards of a hundred
//   multiprocessors. Next bottleneck: fewer, wider loads (v5), or more blocks (v6).
#include "kernels/study/common.cuh"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study::weighted_sum::v4_eight_loads_in_flight {
namespace {

constexpr int kGroups = 16;

__global__ void __launch_bounds__(kGroups* kWarp)
    kernel(const float* __restrict__ alpha, const float* __restrict__ a, float* __restrict__ map,
           std::int64_t channels, std::int64_t plane, std::int64_t tiles) {
  SHARED(float, partial, [kGroups][kWarp]);
  const std::int64_t n = blockIdx.x / tiles;
  const std::int64_t position = blockIdx.x % tiles * kWarp + threadIdx.x;
  const bool inside = position < plane;
  float sum = 0;
  if (inside) {
    const float* weights = alpha + n * channels;
    const float* x = a + n * channels * plane + position;
#pragma unroll 8
    for (std::int64_t k = threadIdx.y; k < channels; k += kGroups)
      sum += __ldg(weights + k) * __ldg(x + k * plane);
  }
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || !inside) return;
  for (int group = 1; group < kGroups; ++group) sum += partial[group][threadIdx.x];
  map[n * plane + position] = sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map) {
  if (maps.batch * maps.plane == 0) return;
  const std::int64_t tiles = (maps.plane + kWarp - 1) / kWarp;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(maps.batch * tiles, 1), dim3(kWarp, kGroups), 0,
                          cuda::stream_of(context), alpha, a, map, maps.channels, maps.plane, tiles));
}

}  // namespace backlight::study::weighted_sum::v4_eight_loads_in_flight
