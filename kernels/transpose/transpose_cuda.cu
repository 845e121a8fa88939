// Predicted limit: memory; transpose_cost over the card's bandwidth is the least time. A tile passes through shared
// memory, so that neighbours load and store neighbours; its lines are one element longer, so that a column of it lies
// in as many banks.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"
#include "kernels/transpose/transpose.hpp"

namespace backlight::cuda {
namespace {

constexpr int kTile = 32, kLines = 8;  // lines of a tile that a block moves at once

/// A block per tile; tiles of one matrix follow each other by columns, then by rows.
__global__ void __launch_bounds__(kTile* kLines)
    transpose_kernel(TransposeParams p, unsigned tiles, unsigned tiles_across, const float* __restrict__ x,
                     float* __restrict__ y) {
  SHARED(float, tile, [kTile][kTile + 1]);
  const unsigned item = blockIdx.x / tiles, within = blockIdx.x - item * tiles;
  const unsigned tile_row = within / tiles_across, tile_column = within - tile_row * tiles_across;
  const std::int64_t row = std::int64_t{tile_row} * kTile, column = std::int64_t{tile_column} * kTile;
  x += item * p.rows * p.columns;
  y += item * p.rows * p.columns;
  for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kLines)
    if (row + i < p.rows && column + threadIdx.x < p.columns)
      tile[i][threadIdx.x] = x[(row + i) * p.columns + column + threadIdx.x];
  __syncthreads();
  for (int j = static_cast<int>(threadIdx.y); j < kTile; j += kLines)
    if (column + j < p.columns && row + threadIdx.x < p.rows)
      y[(column + j) * p.rows + row + threadIdx.x] = tile[threadIdx.x][j];
}

}  // namespace

void transpose(Context& context, const TransposeParams& p, const float* x, float* y) {
  if (p.batch * p.rows * p.columns == 0) return;
  const std::int64_t down = (p.rows + kTile - 1) / kTile, across = (p.columns + kTile - 1) / kTile;
  const unsigned blocks =
      blocks_for(p.batch * down * across, 1, "transpose");  // so that a matrix' tiles fit, too
  CUDA_CHECK(launch(transpose_kernel, blocks, dim3(kTile, kLines), 0, stream_of(context), p,
                    static_cast<unsigned>(down * across), static_cast<unsigned>(across), x, y));
}

}  // namespace backlight::cuda
