// Idea: the definition, six loops and a question whether the pixel exists.
//
// Hypothesis: one multiply-add at a time, each waiting for the last one's sum,
// behind two comparisons. Predicted limit: the latency of the sum, 4 cycles for
// 2 operations: 1 to 2 GFLOP/s. Next bottleneck: the innermost loops are three
// long and ask at every step.
#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::v1_as_written {
namespace {

STUDY_CLONES void convolve(const Params& a, const float* w, const float* x, float* y) {
  for (std::int64_t o = 0; o < a.out; ++o)
    for (std::int64_t p = 0; p < a.height; ++p)
      for (std::int64_t q = 0; q < a.width; ++q) {
        float sum = 0;
        for (std::int64_t c = 0; c < a.in; ++c)
          for (std::int64_t r = 0; r < 3; ++r)
            for (std::int64_t s = 0; s < 3; ++s) {
              const std::int64_t row = p + r - 1, column = q + s - 1;
              if (row < 0 || row >= a.height || column < 0 || column >= a.width) continue;
              sum += w[((o * a.in + c) * 3 + r) * 3 + s] * x[(c * a.height + row) * a.width + column];
            }
        y[(o * a.height + p) * a.width + q] = sum;
      }
}

}  // namespace

Convolution prepare(Context&, const Params& params, const float* w) {
  return [=](const float* x, float* y) { convolve(params, w, x, y); };
}

}  // namespace backlight::study::cpu_convolution::v1_as_written
