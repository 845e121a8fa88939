// Predicted limit of both reductions: memory; channel_sum_cost and weighted_sum_cost over the card's
// bandwidth is the least time. Each element of g and A is loaded once, neighbouring lanes loading
// neighbouring addresses.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/extrema.cuh"
#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {
namespace {

constexpr int kRowsPerBlock = 8;

/// One warp per row. A row is loaded 16 bytes at a time only where every row starts at a multiple of 16 bytes
/// (`vectors` = plane/4, otherwise 0): a row's sum must not depend on where in the batch the row lies.
__global__ void __launch_bounds__(kRowsPerBlock* kWarp)
    channel_sum_kernel(const float* __restrict__ g, float* __restrict__ alpha, std::int64_t rows,
                       std::int64_t plane, std::int64_t vectors, float scale) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= rows) return;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const float* x = g + row * plane;
  const float4* x4 = reinterpret_cast<const float4*>(x);
  float4 sums = make_float4(0, 0, 0, 0);
#pragma unroll 4
  for (std::int64_t i = lane; i < vectors; i += kWarp) {
    const float4 v = __ldg(x4 + i);
    sums.x += v.x;
    sums.y += v.y;
    sums.z += v.z;
    sums.w += v.w;
  }
#pragma unroll 4
  for (std::int64_t i = 4 * vectors + lane; i < plane; i += kWarp) sums.x += __ldg(x + i);
  float sum = (sums.x + sums.y) + (sums.z + sums.w);
  for (int delta = kWarp / 2; delta > 0; delta /= 2) sum += __shfl_xor_sync(kAllLanes, sum, delta);
  if (lane == 0) alpha[row] = scale * sum;
}

constexpr int kGroups = 16;

/// A block owns 32 positions of one image. Each of its 16 groups of 32 lanes walks every sixteenth channel;
/// the groups' sums meet in shared memory. Small maps have few blocks, which is why a block is large.
/// `extrema` may be null.
__global__ void __launch_bounds__(kGroups* kWarp)
    weighted_sum_kernel(const float* __restrict__ alpha, const float* __restrict__ a, float* __restrict__ map,
                        std::int64_t channels, std::int64_t plane, std::int64_t tiles, MapValues values,
                        Extrema* extrema) {
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
  if (threadIdx.y > 0) return;
  for (int group = 1; group < kGroups; ++group) sum += partial[group][threadIdx.x];
  if (inside) map[n * plane + position] = values == MapValues::rectified && sum < 0 ? 0.0f : sum;
  if (extrema) add_of_warp(extrema + n, inside ? Extrema::of(sum) : Extrema{});
}

void launch_weighted_sum(Context& context, const ChannelMaps& maps, MapValues values, const float* alpha,
                         const float* a, float* map, Extrema* extrema) {
  if (maps.batch * maps.plane == 0) return;
  const std::int64_t tiles = (maps.plane + kWarp - 1) / kWarp;
  CUDA_CHECK(launch(weighted_sum_kernel, blocks_for(maps.batch * tiles, 1, "weighted_sum"),
                    dim3(kWarp, kGroups), 0, stream_of(context), alpha, a, map, maps.channels, maps.plane,
                    tiles, values, extrema));
}

}  // namespace

void channel_sum(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha) {
  const std::int64_t rows = maps.batch * maps.channels;
  if (rows == 0) return;
  const bool aligned = maps.plane % 4 == 0 && reinterpret_cast<std::uintptr_t>(g) % 16 == 0;
  CUDA_CHECK(launch(channel_sum_kernel, blocks_for(rows, kRowsPerBlock, "channel_sum"), kRowsPerBlock * kWarp,
                    0, stream_of(context), g, alpha, rows, maps.plane, aligned ? maps.plane / 4 : 0,
                    static_cast<float>(scale)));
}

void weighted_sum(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map) {
  launch_weighted_sum(context, maps, MapValues::raw, alpha, a, map, nullptr);
}

void weighted_sum_extrema(Context& context, const ChannelMaps& maps, MapValues values, const float* alpha,
                          const float* a, float* map, Extrema* extrema) {
  enqueue_clear(context, extrema, static_cast<std::size_t>(maps.batch) * sizeof(Extrema));
  launch_weighted_sum(context, maps, values, alpha, a, map, extrema);
}

}  // namespace backlight::cuda
