// Idea: the definition, c[i,j] = Σ_k a[i,k]·b[k,j], as three loops.
//
// Hypothesis: one multiply-add at a time, each waiting for the last one's sum
// (4 cycles), and b read down a column: a
//   line of 64 bytes for 4 of them, again for every i.
// Predicted limit: the latency of the sum while B fits a cache, its way through
// the caches beyond. Next bottleneck: nothing runs along a row, so no vector of
// B can be loaded.
#include "kernels/study/cpu_product/ladder.hpp"

namespace backlight::study::cpu_product::v1_as_written {

STUDY_CLONES void run(Context&, const Params& p, const float* a, const float* b, float* c) {
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j) {
      float sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k) sum += a[i * p.k + k] * b[k * p.n + j];
      c[i * p.n + j] = sum;
    }
}

}  // namespace backlight::study::cpu_product::v1_as_written
