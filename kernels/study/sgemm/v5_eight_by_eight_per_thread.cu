// Idea: a thread computes an 8×8 square of C: eight elements of A and eight of B, held in registers, give
// 64 multiply-adds. The block's tile is 128×128, eight deep.
//
// Hypothesis: a quarter of a load for each multiply-add; arithmetic becomes the limit.
// Bytes: 2·m·n·k/128 floats from global memory; m·n·k/4 from shared memory.
// Predicted limit: bank conflicts. Neighbouring threads' columns are eight words apart, so a warp's 16
//   different columns fall on four banks, and the rows of its two halves on one. The stores of C touch a
//   sector for each lane, too.
// Next bottleneck: the conflicts, and 16 four-byte loads where four of 16 bytes would do.
#include "kernels/study/sgemm/tiles.cuh"

namespace backlight::study::sgemm::v5_eight_by_eight_per_thread {
namespace {

constexpr int kTile = 128, kDepth = 8, kSide = 8, kAcross = kTile / kSide, kThreads = kAcross * kAcross;

__global__ void __launch_bounds__(kThreads)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across) {
  SHARED(float, tile_a, [kTile][kDepth]);
  SHARED(float, tile_b, [kDepth][kTile]);
  const int t = static_cast<int>(threadIdx.x);
  const std::int64_t row0 = blockIdx.x / across * kTile, column0 = blockIdx.x % across * kTile;
  const int own_row = t / kAcross * kSide, own_column = t % kAcross * kSide;
  float sum[kSide][kSide] = {};
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kDepth) {
#pragma unroll
    for (int e = t; e < kTile * kDepth; e += kThreads) {
      const int i = e / kDepth, k = e % kDepth;
      tile_a[i][k] = row0 + i < p.m && k0 + k < p.k ? a[(row0 + i) * p.k + k0 + k] : 0.0f;
    }
#pragma unroll
    for (int e = t; e < kTile * kDepth; e += kThreads) {
      const int k = e / kTile, j = e % kTile;
      tile_b[k][j] = k0 + k < p.k && column0 + j < p.n ? b[(k0 + k) * p.n + column0 + j] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      float from_a[kSide], from_b[kSide];
#pragma unroll
      for (int i = 0; i < kSide; ++i) from_a[i] = tile_a[own_row + i][k];
#pragma unroll
      for (int j = 0; j < kSide; ++j) from_b[j] = tile_b[k][own_column + j];
#pragma unroll
      for (int i = 0; i < kSide; ++i)
#pragma unroll
        for (int j = 0; j < kSide; ++j) sum[i][j] += from_a[i] * from_b[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kSide; ++i) {
    const std::int64_t row = row0 + own_row + i;
#pragma unroll
    for (int j = 0; j < kSide; ++j) {
      const std::int64_t column = column0 + own_column + j;
      if (row < p.m && column < p.n) c[row * p.n + column] = sum[i][j];
    }
  }
}

}  // namespace

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  const Grid grid = tiles_of(params, kTile, kTile);
  if (grid.blocks == 0) return;
  CUDA_CHECK(
      cuda::launch(kernel, grid.blocks, kThreads, 0, cuda::stream_of(context), params, a, b, c, grid.across));
}

}  // namespace backlight::study::sgemm::v5_eight_by_eight_per_thread
