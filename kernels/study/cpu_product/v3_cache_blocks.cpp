// Idea: v2 on a block of B that stays in the cache, 64×128 or 32 KiB, while all
// rows of A pass by.
//
// Hypothesis: B comes from memory once and from the first- or second-level
// cache m times. It pays where B is larger than
//   the second-level cache, and costs a little elsewhere: C is read and written
//   once for every block of k.
// Predicted limit: still two loads and a store for each multiply-add.
// Next bottleneck: rows of a block are n apart: 64 pages of memory, and for n a
// power of two few lines of the cache.
#include <algorithm>

#include "kernels/study/cpu_product/ladder.hpp"

namespace backlight::study::cpu_product::v3_cache_blocks {
namespace {

constexpr std::int64_t kDepth = 64, kColumns = 128;

}  // namespace

STUDY_CLONES void run(Context&, const Params& p, const float* a, const float* b, float* c) {
  std::fill_n(c, p.m * p.n, 0.0f);
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kDepth)
    for (std::int64_t j0 = 0; j0 < p.n; j0 += kColumns) {
      const std::int64_t k1 = std::min(k0 + kDepth, p.k), j1 = std::min(j0 + kColumns, p.n);
      for (std::int64_t i = 0; i < p.m; ++i)
        for (std::int64_t k = k0; k < k1; ++k)
          for (std::int64_t j = j0; j < j1; ++j) c[i * p.n + j] += a[i * p.k + k] * b[k * p.n + j];
    }
}

}  // namespace backlight::study::cpu_product::v3_cache_blocks
