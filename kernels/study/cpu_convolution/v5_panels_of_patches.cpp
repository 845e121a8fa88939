// Idea: the same product, but a panel of patches is copied from the picture
// when it is due and never written to memory: the library without Winograd's
// algorithm (kernels/conv2d/README.md, "Loop").
//
// Hypothesis: a panel is in the first-level cache when it is multiplied, so the
// product runs at its own rate. Predicted limit: the multipliers; what is left
// is to need fewer multiplications. Next bottleneck: 9 multiplications for each
// weight and output.
#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::v5_panels_of_patches {

Convolution prepare(Context& context, const Params& a, const float* w) {
  return [&context, a, w](const float* x, float* y) {
    cpu::conv2d_forward<float>(context, conv2d_params(a), x, w, nullptr, y);
  };
}

}  // namespace backlight::study::cpu_convolution::v5_panels_of_patches
