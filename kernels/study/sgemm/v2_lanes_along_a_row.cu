// Idea: v1 with the two indices of the thread exchanged: lanes run along a row of C.
//
// Hypothesis: a step of k touches one sector of A, for all lanes, and four of B: five instead of 33.
// Bytes: 2·m·n·k floats are still loaded.
// Predicted limit: two loads for one multiply-add. A multiprocessor starts four warps' multiply-adds a
//   cycle but serves about one warp's load.
// Next bottleneck: each element of A is loaded n times and each of B m times; share them.
#include "kernels/study/sgemm/tiles.cuh"

namespace backlight::study::sgemm::v2_lanes_along_a_row {
namespace {

constexpr int kTile = 32, kRows = 8;

__global__ void __launch_bounds__(kTile* kRows)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across) {
  const std::int64_t row = blockIdx.x / across * kRows + threadIdx.y;
  const std::int64_t column = blockIdx.x % across * kTile + threadIdx.x;
  if (row >= p.m || column >= p.n) return;
  float sum = 0;
  for (std::int64_t k = 0; k < p.k; ++k) sum += a[row * p.k + k] * b[k * p.n + column];
  c[row * p.n + column] = sum;
}

}  // namespace

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  const Grid grid = tiles_of(params, kRows, kTile);
  if (grid.blocks == 0) return;
  CUDA_CHECK(cuda::launch(kernel, grid.blocks, dim3(kTile, kRows), 0, cuda::stream_of(context), params, a, b,
                          c, grid.across));
}

}  // namespace backlight::study::sgemm::v2_lanes_along_a_row
