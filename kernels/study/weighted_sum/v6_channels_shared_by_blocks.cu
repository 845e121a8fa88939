// Idea: v4's block takes 64 channels only, so that there are K/64 times as many blocks. A second kernel
// adds their sums, in the order of the channels: the result does not depend on which block was first.
//
// Hypothesis: a 2048×7×7 map is 64 blocks instead of two.
// Bytes: 4·plane·K/64 written and read again, a thirty-second of A, and a second launch.
// Predicted limit: for small maps the second launch costs what the blocks gain. The library does without:
//   in its networks the map is made once an explanation.
// Next bottleneck: launches; one kernel whose last block adds up would save one, for a counter that must
//   be reset.
#include "engine/runtime/device.hpp"
#include "kernels/study/common.cuh"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study::weighted_sum::v6_channels_shared_by_blocks {
namespace {

constexpr int kGroups = 8, kChannels = 64, kThreads = 128;

/// parts: batch×splits×plane.
__global__ void __launch_bounds__(kGroups* kWarp)
    part(const float* __restrict__ alpha, const float* __restrict__ a, float* __restrict__ parts,
         std::int64_t channels, std::int64_t plane, std::int64_t tiles, std::int64_t splits) {
  SHARED(float, partial, [kGroups][kWarp]);
  const std::int64_t split = blockIdx.x / tiles % splits, n = blockIdx.x / tiles / splits;
  const std::int64_t position = blockIdx.x % tiles * kWarp + threadIdx.x;
  const std::int64_t first = split * kChannels;
  const std::int64_t end = first + kChannels < channels ? first + kChannels : channels;
  const bool inside = position < plane;
  float sum = 0;
  if (inside) {
    const float* weights = alpha + n * channels;
    const float* x = a + n * channels * plane + position;
#pragma unroll 8
    for (std::int64_t k = first + threadIdx.y; k < end; k += kGroups)
      sum += __ldg(weights + k) * __ldg(x + k * plane);
  }
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || !inside) return;
  for (int group = 1; group < kGroups; ++group) sum += partial[group][threadIdx.x];
  parts[(n * splits + split) * plane + position] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_parts(const float* __restrict__ parts, float* __restrict__ map, std::int64_t plane,
              std::int64_t positions, std::int64_t splits) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (at >= positions) return;
  const float* x = parts + at / plane * splits * plane + at % plane;
  float sum = 0;
#pragma unroll 8
  for (std::int64_t split = 0; split < splits; ++split) sum += __ldg(x + split * plane);
  map[at] = sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map) {
  const std::int64_t positions = maps.batch * maps.plane;
  if (positions == 0) return;
  const std::int64_t tiles = (maps.plane + kWarp - 1) / kWarp;
  const std::int64_t splits = maps.channels > 0 ? (maps.channels + kChannels - 1) / kChannels : 1;
  Tensor parts = context.empty({maps.batch, splits, maps.plane});
  CUDA_CHECK(cuda::launch(part, blocks_for(maps.batch * splits * tiles, 1), dim3(kWarp, kGroups), 0,
                          cuda::stream_of(context), alpha, a, parts.data<float>(), maps.channels, maps.plane,
                          tiles, splits));
  CUDA_CHECK(cuda::launch(add_parts, blocks_for(positions, kThreads), kThreads, 0, cuda::stream_of(context),
                          parts.data<float>(), map, maps.plane, positions, splits));
}

}  // namespace backlight::study::weighted_sum::v6_channels_shared_by_blocks
