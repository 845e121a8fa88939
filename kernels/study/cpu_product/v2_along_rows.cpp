// Idea: the same three loops in the order i, k, j. The innermost runs along
// rows of B and C.
//
// Hypothesis: the compiler takes whole vectors, and no sum waits for another:
// some ten times v1. For each multiply-add of
//   vectors, two are loaded and one is stored.
// Predicted limit: the store and two loads of each, from a row of C in the
// first-level cache and all of B, m times, from
//   wherever it fits.
// Next bottleneck: B passes by as a whole for every row of A.
#include <algorithm>

#include "kernels/study/cpu_product/ladder.hpp"

namespace backlight::study::cpu_product::v2_along_rows {

STUDY_CLONES void run(Context&, const Params& p, const float* a, const float* b, float* c) {
  std::fill_n(c, p.m * p.n, 0.0f);
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t k = 0; k < p.k; ++k)
      for (std::int64_t j = 0; j < p.n; ++j) c[i * p.n + j] += a[i * p.k + k] * b[k * p.n + j];
}

}  // namespace backlight::study::cpu_product::v2_along_rows
