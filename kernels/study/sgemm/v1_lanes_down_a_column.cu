// Idea: a thread computes one element of C. The first index of the thread is the row, as one writes
// c[i][j].
//
// Hypothesis: correct, and as slow as it gets.
// Bytes: 2·m·n·k floats are loaded for 4·(m·k + k·n + m·n) bytes that must be.
// Predicted limit: the lanes of a warp lie in one column of C: each step of k touches 32 rows of A, a
//   sector each, for one multiply-add a lane. Loads, not arithmetic, are all it does.
// Next bottleneck: which index the lanes run along.
#include "kernels/study/sgemm/tiles.cuh"

namespace backlight::study::sgemm::v1_lanes_down_a_column {
namespace {

constexpr int kTile = 32, kColumns = 8;

__global__ void __launch_bounds__(kTile* kColumns)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across) {
  const std::int64_t row = blockIdx.x / across * kTile + threadIdx.x;
  const std::int64_t column = blockIdx.x % across * kColumns + threadIdx.y;
  if (row >= p.m || column >= p.n) return;
  float sum = 0;
  for (std::int64_t k = 0; k < p.k; ++k) sum += a[row * p.k + k] * b[k * p.n + column];
  c[row * p.n + column] = sum;
}

}  // namespace

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  const Grid grid = tiles_of(params, kTile, kColumns);
  if (grid.blocks == 0) return;
  CUDA_CHECK(cuda::launch(kernel, grid.blocks, dim3(kTile, kColumns), 0, cuda::stream_of(context), params, a,
                          b, c, grid.across));
}

}  // namespace backlight::study::sgemm::v1_lanes_down_a_column
