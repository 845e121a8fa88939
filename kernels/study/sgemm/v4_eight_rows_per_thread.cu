// Idea: a thread computes eight elements of one column of C. An element of B, once in a register, serves
// all eight. The block's tile is 64×64, eight deep.
//
// Hypothesis: nine loads from shared memory for eight multiply-adds instead of sixteen.
// Bytes: 2·m·n·k/64 floats from global memory; 9/8·m·n·k from shared memory.
// Predicted limit: shared memory, at better than half of v3's loads.
// Next bottleneck: the elements of A are loaded once for each multiply-add still; block in both
//   directions.
#include "kernels/study/sgemm/tiles.cuh"

namespace backlight::study::sgemm::v4_eight_rows_per_thread {
namespace {

constexpr int kTile = 64, kDepth = 8, kPerThread = 8, kThreads = kTile * kTile / kPerThread;

__global__ void __launch_bounds__(kThreads, 1)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across) {
  SHARED(float, tile_a, [kTile][kDepth]);
  SHARED(float, tile_b, [kDepth][kTile]);
  const int t = static_cast<int>(threadIdx.x);
  const std::int64_t row0 = blockIdx.x / across * kTile, column0 = blockIdx.x % across * kTile;
  const int own_column = t % kTile, own_row = t / kTile * kPerThread;
  float sum[kPerThread] = {};
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kDepth) {
    {
      const int i = t / kDepth, k = t % kDepth;
      tile_a[i][k] = row0 + i < p.m && k0 + k < p.k ? a[(row0 + i) * p.k + k0 + k] : 0.0f;
    }
    {
      const int k = t / kTile, j = t % kTile;
      tile_b[k][j] = k0 + k < p.k && column0 + j < p.n ? b[(k0 + k) * p.n + column0 + j] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      const float from_b = tile_b[k][own_column];
#pragma unroll
      for (int i = 0; i < kPerThread; ++i) sum[i] += tile_a[own_row + i][k] * from_b;
    }
    __syncthreads();
  }
  const std::int64_t column = column0 + own_column;
  if (column >= p.n) return;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i)
    if (row0 + own_row + i < p.m) c[(row0 + own_row + i) * p.n + column] = sum[i];
}

}  // namespace

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  const Grid grid = tiles_of(params, kTile, kTile);
  if (grid.blocks == 0) return;
  CUDA_CHECK(
      cuda::launch(kernel, grid.blocks, kThreads, 0, cuda::stream_of(context), params, a, b, c, grid.across));
}

}  // namespace backlight::study::sgemm::v4_eight_rows_per_thread
