// Idea: a block of 32×32 threads loads a 32×32 tile of A and one of B into shared memory, multiplies
// them, and goes on to the next along k.
//
// Hypothesis: every float that is loaded from global memory is used 32 times: a thirty-second of the
//   loads.
// Bytes: 2·m·n·k/32 floats from global memory; 2·m·n·k from shared memory.
// Predicted limit: still two loads for one multiply-add, from shared memory now. It is near, but it
//   serves one access of a warp a cycle, where four warps' multiply-adds could start: an eighth of the
//   arithmetic at the very most.
// Next bottleneck: use a loaded value more than once: registers.
#include "kernels/study/sgemm/tiles.cuh"

namespace backlight::study::sgemm::v3_shared_tiles {
namespace {

constexpr int kTile = 32;

__global__ void __launch_bounds__(kTile* kTile)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across) {
  SHARED(float, tile_a, [kTile][kTile]);
  SHARED(float, tile_b, [kTile][kTile]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const std::int64_t row = blockIdx.x / across * kTile + ty, column = blockIdx.x % across * kTile + tx;
  float sum = 0;
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kTile) {
    tile_a[ty][tx] = row < p.m && k0 + tx < p.k ? a[row * p.k + k0 + tx] : 0.0f;
    tile_b[ty][tx] = k0 + ty < p.k && column < p.n ? b[(k0 + ty) * p.n + column] : 0.0f;
    __syncthreads();
    for (int k = 0; k < kTile; ++k) sum += tile_a[ty][k] * tile_b[k][tx];
    __syncthreads();
  }
  if (row < p.m && column < p.n) c[row * p.n + column] = sum;
}

}  // namespace

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  const Grid grid = tiles_of(params, kTile, kTile);
  if (grid.blocks == 0) return;
  CUDA_CHECK(cuda::launch(kernel, grid.blocks, dim3(kTile, kTile), 0, cuda::stream_of(context), params, a, b,
                          c, grid.across));
}

}  // namespace backlight::study::sgemm::v3_shared_tiles
