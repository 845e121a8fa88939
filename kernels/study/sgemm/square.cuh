// The 128×128 tile of C that v6 and v7 compute with 256 threads, 8×8 elements each, by 16-byte accesses. A
// thread's rows and columns are two groups of four, 64 apart, so that neighbouring threads' groups are
// neighbours in shared memory. A's tile lies column by column, because a thread takes four rows of one column
// at once; its rows are padded by one group, so that storing it transposed hits every bank once.
#pragma once

#include "kernels/study/sgemm/tiles.cuh"

namespace backlight::study::sgemm {

constexpr int kSquare = 128, kSquareDepth = 8, kSquareThreads = 256, kGroup = 4, kHalf = kSquare / 2;

/// Four neighbours of a row-major matrix, zero outside. `vectors`: every row starts at a multiple of 16
/// bytes.
__device__ inline float4 load_four(const float* __restrict__ matrix, std::int64_t row, std::int64_t column,
                                   std::int64_t rows, std::int64_t columns, bool vectors) {
  float4 v = make_float4(0, 0, 0, 0);
  if (row >= rows || column >= columns) return v;
  const float* at = matrix + row * columns + column;
  if (vectors) return __ldg(reinterpret_cast<const float4*>(at));
  v.x = __ldg(at);
  if (column + 1 < columns) v.y = __ldg(at + 1);
  if (column + 2 < columns) v.z = __ldg(at + 2);
  if (column + 3 < columns) v.w = __ldg(at + 3);
  return v;
}

__device__ inline void store_four(float* __restrict__ matrix, std::int64_t row, std::int64_t column,
                                  std::int64_t rows, std::int64_t columns, bool vectors, float4 v) {
  if (row >= rows || column >= columns) return;
  float* at = matrix + row * columns + column;
  if (vectors) {
    *reinterpret_cast<float4*>(at) = v;
    return;
  }
  at[0] = v.x;
  if (column + 1 < columns) at[1] = v.y;
  if (column + 2 < columns) at[2] = v.z;
  if (column + 3 < columns) at[3] = v.w;
}

struct Slices {
  float4 a, b;
};

/// The thread's share of the tiles at k0.
__device__ inline Slices load_slices(const Params& p, const float* __restrict__ a,
                                     const float* __restrict__ b, std::int64_t row0, std::int64_t column0,
                                     std::int64_t k0, bool vectors_a, bool vectors_b) {
  const int t = static_cast<int>(threadIdx.x);
  return {load_four(a, row0 + t / 2, k0 + t % 2 * kGroup, p.m, p.k, vectors_a),
          load_four(b, k0 + t / 32, column0 + t % 32 * kGroup, p.k, p.n, vectors_b)};
}

using TileA = float[kSquareDepth][kSquare + kGroup];
using TileB = float[kSquareDepth][kSquare];

__device__ inline void keep_slices(const Slices& slices, TileA& tile_a, TileB& tile_b) {
  const int t = static_cast<int>(threadIdx.x), row = t / 2, k = t % 2 * kGroup;
  tile_a[k][row] = slices.a.x;
  tile_a[k + 1][row] = slices.a.y;
  tile_a[k + 2][row] = slices.a.z;
  tile_a[k + 3][row] = slices.a.w;
  *reinterpret_cast<float4*>(&tile_b[t / 32][t % 32 * kGroup]) = slices.b;
}

using Sums = float[2 * kGroup][2 * kGroup];

__device__ inline void multiply(const TileA& tile_a, const TileB& tile_b, Sums& sums) {
  const int row = static_cast<int>(threadIdx.x) / 16 * kGroup,
            column = static_cast<int>(threadIdx.x) % 16 * kGroup;
#pragma unroll
  for (int k = 0; k < kSquareDepth; ++k) {
    const float4 a0 = *reinterpret_cast<const float4*>(&tile_a[k][row]);
    const float4 a1 = *reinterpret_cast<const float4*>(&tile_a[k][row + kHalf]);
    const float4 b0 = *reinterpret_cast<const float4*>(&tile_b[k][column]);
    const float4 b1 = *reinterpret_cast<const float4*>(&tile_b[k][column + kHalf]);
    const float from_a[] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
    const float from_b[] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
    for (int i = 0; i < 2 * kGroup; ++i)
#pragma unroll
      for (int j = 0; j < 2 * kGroup; ++j) sums[i][j] += from_a[i] * from_b[j];
  }
}

__device__ inline void store_sums(const Params& p, const Sums& sums, float* __restrict__ c, std::int64_t row0,
                                  std::int64_t column0, bool vectors) {
  const std::int64_t row = row0 + threadIdx.x / 16 * kGroup, column = column0 + threadIdx.x % 16 * kGroup;
#pragma unroll
  for (int i = 0; i < 2 * kGroup; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      store_four(c, row + i % kGroup + i / kGroup * kHalf, column + half * kHalf, p.m, p.n, vectors,
                 make_float4(sums[i][half * kGroup], sums[i][half * kGroup + 1], sums[i][half * kGroup + 2],
                             sums[i][half * kGroup + 3]));
}

}  // namespace backlight::study::sgemm
