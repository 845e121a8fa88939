// Idea: the same loops with the columns innermost: a tap times a row of the
// picture is added to a row of the result. Where taps leave the picture the row
// is shorter, which is known before the loop.
//
// Hypothesis: whole vectors and no waiting, some ten times v1 on rows of
// several vectors, less on short ones. Predicted limit: two loads and a store
// for each multiply-add of vectors, from the second-level cache where a plane
// of y
//   and one of x are more than the first holds.
// Next bottleneck: every sum goes to memory and back 9·in times.
#include <algorithm>

#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::v2_along_rows {
namespace {

STUDY_CLONES void convolve(const Params& a, const float* w, const float* x, float* y) {
  std::fill_n(y, a.out * a.plane(), 0.0f);
  for (std::int64_t o = 0; o < a.out; ++o)
    for (std::int64_t c = 0; c < a.in; ++c)
      for (std::int64_t r = 0; r < 3; ++r)
        for (std::int64_t s = 0; s < 3; ++s) {
          const float tap = w[((o * a.in + c) * 3 + r) * 3 + s];
          const std::int64_t first = s == 0 ? 1 : 0, last = s == 2 ? a.width - 1 : a.width;
          for (std::int64_t p = std::max<std::int64_t>(1 - r, 0); p < std::min(a.height + 1 - r, a.height);
               ++p) {
            const float* const from = x + (c * a.height + p + r - 1) * a.width + s - 1;
            float* const to = y + (o * a.height + p) * a.width;
            for (std::int64_t q = first; q < last; ++q) to[q] += tap * from[q];
          }
        }
}

}  // namespace

Convolution prepare(Context&, const Params& params, const float* w) {
  return [=](const float* x, float* y) { convolve(params, w, x, y); };
}

}  // namespace backlight::study::cpu_convolution::v2_along_rows
