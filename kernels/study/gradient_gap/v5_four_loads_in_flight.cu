// Idea: each lane keeps four sums, so that four loads may be under way before the first is added.
//
// Hypothesis: the same sectors in about a quarter of the waits.
// Bytes: as before, 512 in flight per warp.
// Predicted limit: the number of load instructions: a 14×14 map is seven of them, of which the last is
//   partial, and each computes an address of its own.
// Next bottleneck: wider loads.
#include "kernels/study/common.cuh"
#include "kernels/study/gradient_gap/ladder.hpp"

namespace backlight::study::gradient_gap::v5_four_loads_in_flight {
namespace {

constexpr int kRowsPerBlock = 8, kLoads = 4;

__global__ void __launch_bounds__(kRowsPerBlock* kWarp)
    kernel(const float* __restrict__ g, float* __restrict__ alpha, std::int64_t rows, std::int64_t plane,
           float scale) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= rows) return;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const float* x = g + row * plane;
  float sums[kLoads] = {};
  std::int64_t i = lane;
  for (; i + (kLoads - 1) * kWarp < plane; i += kLoads * kWarp)
#pragma unroll
    for (int j = 0; j < kLoads; ++j) sums[j] += __ldg(x + i + j * kWarp);
  for (; i < plane; i += kWarp) sums[0] += __ldg(x + i);
  const float sum = warp_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  if (lane == 0) alpha[row] = scale * sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha) {
  const std::int64_t rows = maps.batch * maps.channels;
  if (rows == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(rows, kRowsPerBlock), kRowsPerBlock * kWarp, 0,
                          cuda::stream_of(context), g, alpha, rows, maps.plane, static_cast<float>(scale)));
}

}  // namespace backlight::study::gradient_gap::v5_four_loads_in_flight
