// Idea: two pairs of tiles in shared memory. The next slices are on their way to registers while this
// pair is multiplied, and are stored to the other pair afterwards: one barrier a step instead of two.
//
// Hypothesis: memory's latency disappears behind the arithmetic.
// Bytes: as v5.
// Predicted limit: the multiply-add units: 64 multiply-adds for four loads from shared memory. But the
//   slices under way cost registers: where nvcc takes more than 128 (sm_90, sm_120), a multiprocessor
//   holds one block instead of v6's two, and a card must tell which hides more. What a tuned library has
//   beyond this is choice of tile by shape, splitting of k where there are few tiles, and asynchronous
//   copies.
// Next bottleneck: small matrices. 512×196 is eight tiles of 128×128, for a hundred multiprocessors.
#include "kernels/study/sgemm/square.cuh"

namespace backlight::study::sgemm::v7_double_buffered {
namespace {

__global__ void __launch_bounds__(kSquareThreads)
    kernel(Params p, const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
           std::int64_t across, bool vectors_a, bool vectors_b, bool vectors_c) {
  SHARED(float4, memory_a, [2][sizeof(TileA) / 16]);
  SHARED(float4, memory_b, [2][sizeof(TileB) / 16]);
  const auto tile_a = [&](int buffer) -> TileA& { return *reinterpret_cast<TileA*>(&memory_a[buffer]); };
  const auto tile_b = [&](int buffer) -> TileB& { return *reinterpret_cast<TileB*>(&memory_b[buffer]); };
  const std::int64_t row0 = blockIdx.x / across * kSquare, column0 = blockIdx.x % across * kSquare;
  Sums sums = {};
  if (p.k > 0)
    keep_slices(load_slices(p, a, b, row0, column0, 0, vectors_a, vectors_b), tile_a(0), tile_b(0));
  __syncthreads();
  int buffer = 0;
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kSquareDepth) {
    const bool more = k0 + kSquareDepth < p.k;
    Slices next;
    if (more) next = load_slices(p, a, b, row0, column0, k0 + kSquareDepth, vectors_a, vectors_b);
    multiply(tile_a(buffer), tile_b(buffer), sums);
    buffer = 1 - buffer;
    if (more) keep_slices(next, tile_a(buffer), tile_b(buffer));
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

}  // namespace backlight::study::sgemm::v7_double_buffered
