// Idea: a lane owns four neighbouring positions and loads them at once; eight lanes make 32 positions, so
// a warp takes four channels at a time. Where rows do not start at multiples of 16 bytes, v4's way is
// taken, by four loads.
//
// Hypothesis: a quarter of the loads for the same sectors, and as many blocks as before.
// Bytes: as before.
// Predicted limit: still seven blocks for a 14×14 map; a load now touches four rows of 128 bytes, which
//   on a warm cache costs nothing and on a cold one opens four pages.
// Next bottleneck: more blocks.
#include "kernels/study/common.cuh"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study::weighted_sum::v5_sixteen_byte_loads {
namespace {

constexpr int kLanes = 8, kGroups = 64, kTile = 4 * kLanes;

__global__ void __launch_bounds__(kLanes* kGroups)
    kernel(const float* __restrict__ alpha, const float* __restrict__ a, float* __restrict__ map,
           std::int64_t channels, std::int64_t plane, std::int64_t tiles, bool vectors) {
  SHARED(float4, partial, [kGroups][kLanes]);
  const std::int64_t n = blockIdx.x / tiles;
  const std::int64_t position = blockIdx.x % tiles * kTile + threadIdx.x * 4;
  const float* weights = alpha + n * channels;
  const float* x = a + n * channels * plane + position;
  float4 sum = make_float4(0, 0, 0, 0);
  const int count = static_cast<int>(position + 4 <= plane ? 4 : position < plane ? plane - position : 0);
#pragma unroll 4
  for (std::int64_t k = threadIdx.y; k < channels; k += kGroups) {
    const float weight = __ldg(weights + k);
    float4 v = make_float4(0, 0, 0, 0);
    if (vectors && count == 4) {
      v = __ldg(reinterpret_cast<const float4*>(x + k * plane));
    } else {
      if (count > 0) v.x = __ldg(x + k * plane);
      if (count > 1) v.y = __ldg(x + k * plane + 1);
      if (count > 2) v.z = __ldg(x + k * plane + 2);
      if (count > 3) v.w = __ldg(x + k * plane + 3);
    }
    sum.x += weight * v.x;
    sum.y += weight * v.y;
    sum.z += weight * v.z;
    sum.w += weight * v.w;
  }
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  const int t = static_cast<int>(threadIdx.y * kLanes + threadIdx.x);
  const std::int64_t at = blockIdx.x % tiles * kTile + t;
  if (t >= kTile || at >= plane) return;
  const float* own = reinterpret_cast<const float*>(&partial[0][0]) + t;
  float total = 0;
  for (int group = 0; group < kGroups; ++group) total += own[group * kTile];
  map[n * plane + at] = total;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map) {
  if (maps.batch * maps.plane == 0) return;
  const std::int64_t tiles = (maps.plane + kTile - 1) / kTile;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(maps.batch * tiles, 1), dim3(kLanes, kGroups), 0,
                          cuda::stream_of(context), alpha, a, map, maps.channels, maps.plane, tiles,
                          maps.plane % 4 == 0 && at_16_bytes(a)));
}

}  // namespace backlight::study::weighted_sum::v5_sixteen_byte_loads
