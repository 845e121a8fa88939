// What the engine runs: Winograd's F(4×4, 3×3) fused, where it pays (from 16
// channels and 8×8 outputs on), otherwise v5, or tiles of few columns, from
// filters that were arranged once (kernels/conv2d/README.md).
#include <memory>

#include "engine/core/tensor.hpp"
#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::library {

Convolution prepare(Context& context, const Params& a, const float* w) {
  auto packed = std::make_shared<const Tensor>(
      cpu::conv2d_pack<float>(context, conv2d_params(a), w, /*winograd=*/true));
  return [&context, a, w, packed](const float* x, float* y) {
    cpu::conv2d_fused_forward<float>(context, conv2d_params(a), x, w,
                                     packed->defined() ? packed.get() : nullptr, nullptr, {}, y);
  };
}

}  // namespace backlight::study::cpu_convolution::library
