// Idea: a thread owns four neighbouring columns and stores a float4 a row; the tile is 128 pixels wide
// and 32 high. Where rows of the output do not start at multiples of 16 bytes, it stores one by one.
//
// Hypothesis: a quarter of the stores for the same sectors, and each tap of a row serves four pixels.
// Bytes: 4 written a pixel: 200 KB for 224×224.
// Predicted limit: the launch. 200 KB are written in a tenth of a microsecond at 2 TB/s.
// Next bottleneck: the kernel on its own. What reads the picture next (colours, overlay) should be in the
//   same kernel, so that the upsampled map never exists.
#include "kernels/study/common.cuh"
#include "kernels/study/upsampling/ladder.hpp"
#include "kernels/study/upsampling/taps.cuh"

namespace backlight::study::upsampling::v5_sixteen_byte_stores {
namespace {

constexpr int kTile = 32, kColumns = 4, kWidth = kTile * kColumns, kGroups = 4, kWalk = kTile / kGroups;

__global__ void __launch_bounds__(kTile* kGroups)
    kernel(Params p, const float* __restrict__ x, float* __restrict__ y, int across, int down, bool vectors) {
  SHARED(Tap, rows, [kTile]);
  const int tile_x = static_cast<int>(blockIdx.x % across),
            tile_y = static_cast<int>(blockIdx.x / across % down);
  const std::int64_t n = blockIdx.x / across / down;
  const int lane = static_cast<int>(threadIdx.x), j = tile_x * kWidth + lane * kColumns;
  if (threadIdx.y == 0)
    rows[lane] = tap_of(tile_y * kTile + lane, p.in_height, p.out_height, p.align_corners);
  Tap column[kColumns];
#pragma unroll
  for (int c = 0; c < kColumns; ++c) column[c] = tap_of(j + c, p.in_width, p.out_width, p.align_corners);
  __syncthreads();
  if (j >= p.out_width) return;
  const float* map = x + n * p.in_height * p.in_width;
  int held = -1;
  float upper[kColumns] = {}, lower[kColumns] = {};
  const int first = static_cast<int>(threadIdx.y) * kWalk;
  for (int r = first; r < first + kWalk && tile_y * kTile + r < p.out_height; ++r) {
    const Tap row = rows[r];
    if (row.lower != held) {
      const float* above = map + row.lower * p.in_width;
      const float* below = map + row.upper * p.in_width;
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
        upper[c] = blend(__ldg(above + column[c].lower), __ldg(above + column[c].upper), column[c].t);
        lower[c] = blend(__ldg(below + column[c].lower), __ldg(below + column[c].upper), column[c].t);
      }
      held = row.lower;
    }
    float* to = y + (n * p.out_height + tile_y * kTile + r) * p.out_width + j;
    if (vectors) {
      *reinterpret_cast<float4*>(to) =
          make_float4(blend(upper[0], lower[0], row.t), blend(upper[1], lower[1], row.t),
                      blend(upper[2], lower[2], row.t), blend(upper[3], lower[3], row.t));
    } else {
#pragma unroll
      for (int c = 0; c < kColumns; ++c)
        if (j + c < p.out_width) to[c] = blend(upper[c], lower[c], row.t);
    }
  }
}

}  // namespace

void run(Context& context, const Params& params, const float* x, float* y) {
  const int across = (params.out_width + kWidth - 1) / kWidth, down = (params.out_height + kTile - 1) / kTile;
  const std::int64_t blocks = params.batch * across * down;
  if (blocks == 0) return;
  CUDA_CHECK(cuda::launch(kernel, blocks_for(blocks, 1), dim3(kTile, kGroups), 0, cuda::stream_of(context),
                          params, x, y, across, down, params.out_width % kColumns == 0 && at_16_bytes(y)));
}

}  // namespace backlight::study::upsampling::v5_sixteen_byte_stores
