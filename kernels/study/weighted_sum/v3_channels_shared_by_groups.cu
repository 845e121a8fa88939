// Idea: a block owns 32 positions of one image, and each of its 16 warps every sixteenth channel. The
// warps' sums meet in shared memory once, at the end.
//
// Hypothesis: sixteen times the threads of v2, for one barrier.
// Bytes: as before.
// Predicted limit: each warp still waits for one load at a time.
// Next bottleneck: more loads in flight per thread.
#include "kernels/study/common.cuh"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study::weighted_sum::v3_channels_shared_by_groups {
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
#pragma unroll 1
  for (std::int64_t k = threadIdx.y; inside && k < channels; k += kGroups)
    sum += alpha[n * channels + k] * a[(n * channels + k) * plane + position];
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

}  // namespace backlight::study::weighted_sum::v3_channels_shared_by_groups
