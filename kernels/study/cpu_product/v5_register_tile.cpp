// Idea: a tile of C, 6 rows of two vectors, is summed up in registers over a
// whole block of depth; A and B are packed in the order in which the tile reads
// them. Vectors are the compiler's.
//
// Hypothesis: a step in k loads two vectors of B and six numbers of A for
// twelve multiply-adds: the units that multiply
//   become the limit. Twelve sums run at once, more than the eight that two
//   units of four cycles' latency need.
// Predicted limit: eight loads for twelve multiply-adds, where a cycle has two
// of either: just enough. Next bottleneck: rows of A. With 32 registers 14 rows
// fit, 16 loads for 28: the library's tile.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/study/cpu_product/ladder.hpp"

namespace backlight::study::cpu_product::v5_register_tile {
namespace {

constexpr std::int64_t kRows = 6, kDepth = 256, kMostWidth = 32;

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,fma")
namespace avx512 {
constexpr int kBytes = 64;
#include "kernels/study/cpu_product/tile.hpp"
}  // namespace avx512
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
constexpr int kBytes = 32;
#include "kernels/study/cpu_product/tile.hpp"
}  // namespace avx2
#pragma GCC pop_options
#endif
namespace portable {
constexpr int kBytes = 16;
#include "kernels/study/cpu_product/tile.hpp"
}  // namespace portable

struct Tile {
  void (*sum)(std::int64_t depth, const float* a, const float* b, float* to);
  std::int64_t width;
};
Tile tile_of(cpu::Isa isa) {
#ifdef __x86_64__
  if (isa == cpu::Isa::avx512) return {avx512::tile, avx512::kWidth};
  if (isa == cpu::Isa::avx2) return {avx2::tile, avx2::kWidth};
#endif
  return {portable::tile, portable::kWidth};
}

}  // namespace

void run(Context& context, const Params& p, const float* a, const float* b, float* c) {
  const Tile tile = tile_of(context.isa());
  const std::int64_t rows = (p.m + kRows - 1) / kRows * kRows;
  std::vector<float> packed_a(rows * kDepth), packed_b(kDepth * tile.width);
  float sum[kRows * kMostWidth];
  std::fill_n(c, p.m * p.n, 0.0f);
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kDepth) {
    const std::int64_t depth = std::min(kDepth, p.k - k0);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t k = 0; k < depth; ++k)
        packed_a[i / kRows * kRows * kDepth + k * kRows + i % kRows] = i < p.m ? a[i * p.k + k0 + k] : 0;
    for (std::int64_t j0 = 0; j0 < p.n; j0 += tile.width) {
      const std::int64_t columns = std::min(tile.width, p.n - j0);
      for (std::int64_t k = 0; k < depth; ++k)
        std::copy_n(b + (k0 + k) * p.n + j0, columns, packed_b.data() + k * tile.width);
      for (std::int64_t i0 = 0; i0 < p.m; i0 += kRows) {
        tile.sum(depth, packed_a.data() + i0 * kDepth, packed_b.data(), sum);
        for (std::int64_t i = 0; i < std::min(kRows, p.m - i0); ++i)
          for (std::int64_t j = 0; j < columns; ++j) c[(i0 + i) * p.n + j0 + j] += sum[i * tile.width + j];
      }
    }
  }
}

}  // namespace backlight::study::cpu_product::v5_register_tile
