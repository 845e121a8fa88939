// Predicted limit: memory; upsample_cost over the card's bandwidth is the least time; the coarse map stays in
// the caches.
#include "engine/core/error.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/upsample/tile.cuh"

namespace backlight::cuda {
namespace {

__global__ void __launch_bounds__(kTileThreads)
    upsample_kernel(TileGrid grid, const float* __restrict__ map, float* __restrict__ y, bool wide) {
  SHARED(Tap, taps, [2 * kTile]);
  fill_taps(grid, taps);
  const Place place = place_of_thread(grid);
  if (place.count == 0) return;
  const float* coarse = map + place.n * grid.rows.in * grid.columns.in;
  float value[kPixels] = {};
  sample(
      grid, taps, place, [=](std::int64_t i) { return __ldg(coarse + i); }, value);
  store(y + place.index(grid), value, place.count, wide);
}

}  // namespace

void upsample(Context& context, const UpsampleParams& params, const float* map, float* y) {
  if (params.mode == Upsampling::bicubic)
    throw Error(ErrorKind::unsupported,
                "[upsample] bicubic is not supported on CUDA: copy the map to the host and enlarge it there");
  if (params.batch == 0) return;
  const TileGrid grid = tile_grid(params);
  CUDA_CHECK(launch(upsample_kernel, grid.blocks(params.batch), kTileBlock, 0, stream_of(context), grid, map,
                    y, wide_rows(grid, y)));
}

}  // namespace backlight::cuda
