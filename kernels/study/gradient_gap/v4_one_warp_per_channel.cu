// Idea: a warp adds up one channel; its lanes exchange their sums by shuffles.
//
// Hypothesis: five shuffles replace eight barriers and the shared memory, and eight channels share a
//   block.
// Bytes: as before.
// Predicted limit: latency. A lane loads a float, waits for it, adds it, loads the next: 128 bytes in
//   flight per warp. By Little's law a card of 2 TB/s and 500 ns needs 1 MB in flight, which 512 channels
//   give 64 KB of.
// Next bottleneck: more bytes in flight per warp.
#include "kernels/study/common.cuh"
#include "kernels/study/gradient_gap/ladder.hpp"

namespace backlight::study::gradient_gap::v4_one_warp_per_channel {
namespace {

constexpr int kRowsPerBlock = 8;

__global__ void __launch_bounds__(kRowsPerBlock* kWarp)
    kernel(const float* __restrict__ g, float* __restrict__ alpha, std::int64_t rows, std::int64_t plane,
           float scale) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= rows) return;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  float sum = 0;
#pragma unroll 1
  for (std::int64_t i = lane; i < plane; i += kWarp) sum += g[row * plane + i];
  sum = warp_sum(sum);
  if (lane == 0) alpha[row] = scale * sum;
}

}  // namespace

void run(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha) {
  const std::int64_t rows = maps.batch * maps.channels;
  if (rows == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(rows, kRowsPerBlock), kRowsPerBlock * kWarp, 0,
                          cuda::stream_of(context), g, alpha, rows, maps.plane, static_cast<float>(scale)));
}

}  // namespace backlight::study::gradient_gap::v4_one_warp_per_channel
