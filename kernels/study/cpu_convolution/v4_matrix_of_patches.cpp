// Idea: im2col. All patches are written down as a matrix, 9·in × positions, and
// the library's product multiplies.
//
// Hypothesis: the rate of the product's `library`, less the way of the matrix:
// nine times the picture is written and read.
//   For few output channels that costs as much as the product.
// Predicted limit: 72 bytes of traffic for each 18·out operations.
// Next bottleneck: the matrix, which no cache holds: 7 MB for 64 channels of
// 56×56.
#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/matmul/matmul.hpp"
#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::v4_matrix_of_patches {

Convolution prepare(Context& context, const Params& a, const float* w) {
  auto patches = std::make_shared<std::vector<float>>(a.in * 9 * a.plane());
  return [&context, a, w, patches](const float* x, float* y) {
    for (std::int64_t c = 0; c < a.in; ++c)
      for (std::int64_t r = 0; r < 3; ++r)
        for (std::int64_t s = 0; s < 3; ++s)
          for (std::int64_t p = 0; p < a.height; ++p) {
            float* const to = patches->data() + (((c * 3 + r) * 3 + s) * a.height + p) * a.width;
            const std::int64_t row = p + r - 1;
            const std::int64_t first = s == 0 ? 1 : 0, last = s == 2 ? a.width - 1 : a.width;
            std::fill_n(to, a.width, 0.0f);
            if (row < 0 || row >= a.height || first >= last) continue;
            std::copy_n(x + (c * a.height + row) * a.width + first + s - 1, last - first, to + first);
          }
    cpu::matmul<float>(context, {.m = a.out, .n = a.plane(), .k = a.in * 9}, w, patches->data(), y);
  };
}

}  // namespace backlight::study::cpu_convolution::v4_matrix_of_patches
