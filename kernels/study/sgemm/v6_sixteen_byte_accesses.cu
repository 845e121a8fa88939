// Idea: v5 with 16-byte accesses everywhere, and an order of shared memory in which they do not conflict
// (square.cuh).
//
// Hypothesis: four loads from shared memory for 64 multiply-adds, without conflicts.
// Bytes: as v5.
// Predicted limit: the barriers. Between them a block either loads or multiplies; with two blocks on a
//   multiprocessor one must hide the other's wait for memory.
// Next bottleneck: load the next tiles while multiplying these.
#include "kernels/study/sgemm/square.cuh"

namespace backlight::study::sgemm::v6_sixteen_byte_accesses {
namespace {

__global__ void __launch_bounds__(kSquareThreads)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across, bool vectors_a, bool vectors_b, bool vectors_c) {
  SHARED(float4, memory_a, [sizeof(TileA) / 16]);
  SHARED(float4, memory_b, [sizeof(TileB) / 16]);
  TileA& tile_a = *reinterpret_cast<TileA*>(&memory_a);
  TileB& tile_b = *reinterpret_cast<TileB*>(&memory_b);
  const std::int64_t row0 = blockIdx.x / across * kSquare, column0 = blockIdx.x % across * kSquare;
  Sums sums = {};
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kSquareDepth) {
    keep_slices(load_slices(p, a, b, row0, column0, k0, vectors_a, vectors_b), tile_a, tile_b);
    __syncthreads();
    multiply(tile_a, tile_b, sums);
    __syncthreads();
  }
  store_sums(p, sums, c, row0, column0, vectors_c);
}

}  // namespace

void run(Context& context, const Params& params, const float* a, const float* b, float* c) {
  const Grid grid = tiles_of(params, kSquare, kSquare);
  if (grid.blocks == 0) return;
  CUDA_CHECK(cuda::launch(kernel, grid.blocks, kSquareThreads, 0, cuda::stream_of(context), params, a, b, c,
                          grid.across, params.k % 4 == 0 && at_16_bytes(a),
                          params.n % 4 == 0 && at_16_bytes(b), params.n % 4 == 0 && at_16_bytes(c)));
}

}  // namespace backlight::study::sgemm::v6_sixteen_byte_accesses
