// Idea: a thread owns a column of the tile and walks down eight rows. What it has blended along x of the
// two input rows stays in registers until the walk reaches the next input row.
//
// Hypothesis: from 7×7 to 224×224 the input row changes every 32 rows: about one load for each pixel
//   becomes one for several, and a pixel costs one blend instead of three.
// Bytes: 4 written a pixel.
// Predicted limit: stores of four bytes a lane, and what surrounds each: a tap from shared memory, a
//   comparison. Next bottleneck: wider stores.
#include "kernels/study/common.cuh"
#include "kernels/study/upsampling/ladder.hpp"
#include "kernels/study/upsampling/taps.cuh"

namespace backlight::study::upsampling::v4_rows_reused {
namespace {

constexpr int kTile = 32, kGroups = 4, kWalk = kTile / kGroups;

__global__ void __launch_bounds__(kTile* kGroups)
    kernel(Params p, const float* __restrict__ x, float* __restrict__ y, int across, int down) {
  SHARED(Tap, rows, [kTile]);
  const int tile_x = static_cast<int>(blockIdx.x % across),
            tile_y = static_cast<int>(blockIdx.x / across % down);
  const std::int64_t n = blockIdx.x / across / down;
  const int lane = static_cast<int>(threadIdx.x), j = tile_x * kTile + lane;
  if (threadIdx.y == 0)
    rows[lane] = tap_of(tile_y * kTile + lane, p.in_height, p.out_height, p.align_corners);
  const Tap column = tap_of(j, p.in_width, p.out_width, p.align_corners);
  __syncthreads();
  if (j >= p.out_width) return;
  const float* map = x + n * p.in_height * p.in_width;
  const auto along_x = [&](int input_row) {
    return blend(__ldg(map + input_row * p.in_width + column.lower),
                 __ldg(map + input_row * p.in_width + column.upper), column.t);
  };
  int held = -1;
  float upper = 0, lower = 0;
  const int first = static_cast<int>(threadIdx.y) * kWalk;
  for (int r = first; r < first + kWalk && tile_y * kTile + r < p.out_height; ++r) {
    const Tap row = rows[r];
    if (row.lower != held) {
      upper = along_x(row.lower);
      lower = along_x(row.upper);
      held = row.lower;
    }
    y[(n * p.out_height + tile_y * kTile + r) * p.out_width + j] = blend(upper, lower, row.t);
  }
}

}  // namespace

void run(Context& context, const Params& params, const float* x, float* y) {
  const int across = (params.out_width + kTile - 1) / kTile, down = (params.out_height + kTile - 1) / kTile;
  const std::int64_t blocks = params.batch * across * down;
  if (blocks == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(blocks, 1), dim3(kTile, kGroups), 0, cuda::stream_of(context),
                          params, x, y, across, down));
}

}  // namespace backlight::study::upsampling::v4_rows_reused
