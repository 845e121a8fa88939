// Idea: the block of B is copied together first, and a row of C is summed up in
// a buffer of its own.
//
// Hypothesis: the copy, read m times, costs 1/m of the work; the block then
// lies on 8 pages in lines that do not compete,
//   and the loop's extent is a constant.
// Predicted limit: as before, loads and stores: the sums live in memory.
// Next bottleneck: each multiply-add still stores its sum and loads it again.
#include <algorithm>
#include <vector>

#include "kernels/study/cpu_product/ladder.hpp"

namespace backlight::study::cpu_product::v4_packed_panels {
namespace {

constexpr std::int64_t kDepth = 64, kColumns = 128;

}  // namespace

STUDY_CLONES void run(Context&, const Params& p, const float* a, const float* b, float* c) {
  std::fill_n(c, p.m * p.n, 0.0f);
  std::vector<float> panel(kDepth * kColumns), sum(kColumns);
  for (std::int64_t k0 = 0; k0 < p.k; k0 += kDepth)
    for (std::int64_t j0 = 0; j0 < p.n; j0 += kColumns) {
      const std::int64_t depth = std::min(kDepth, p.k - k0), columns = std::min(kColumns, p.n - j0);
      for (std::int64_t k = 0; k < depth; ++k)
        std::copy_n(b + (k0 + k) * p.n + j0, columns, panel.data() + k * kColumns);
      for (std::int64_t i = 0; i < p.m; ++i) {
        float* const row = c + i * p.n + j0;
        std::copy_n(row, columns, sum.data());
        for (std::int64_t k = 0; k < depth; ++k) {
          const float factor = a[i * p.k + k0 + k];
          for (std::int64_t j = 0; j < kColumns; ++j) sum[j] += factor * panel[k * kColumns + j];
        }
        std::copy_n(sum.data(), columns, row);
      }
    }
}

}  // namespace backlight::study::cpu_product::v4_packed_panels
