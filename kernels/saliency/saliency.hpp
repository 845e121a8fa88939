// Showing a signed 3×H×W gradient as an 8-bit picture, per image of a batch:
//
//   deprocess   (g − mean) / (std + 1e-5) · 0.1 + 0.5, clipped to 0…1, truncated     pytorch-grad-cam
//   min_max     (g − min) / (max − min), over all channels; a constant is mid-grey   the original code
//
// The CPU's implementation is engine/image/saliency.cpp.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/extrema.hpp"

namespace backlight {

class Context;

enum class SaliencyFormula : std::uint8_t { deprocess, min_max };

struct SaliencyParams {
  std::int64_t batch = 0, pixels = 0;  ///< pixels = H·W
  SaliencyFormula formula = SaliencyFormula::deprocess;
  bool bgr = false;  ///< the gradient's order of channels; pictures are R G B
};

namespace cuda {

/// gradient: batch × 3 × pixels; pictures: batch × pixels × 3; extrema: of each gradient, which tell whether
/// it is finite. In the context's stream.
void saliency(Context& context, const SaliencyParams& params, const float* gradient, Extrema* extrema,
              std::uint8_t* pictures);

/// The gradient is read twice, the second time from the cache where it fits. Per value: two comparisons, for
/// deprocess four operations for the moments, and four or three to show it.
constexpr Cost saliency_cost(const SaliencyParams& p) {
  const std::int64_t values = 3 * p.batch * p.pixels;
  return {9 * values, values * (p.formula == SaliencyFormula::deprocess ? 10 : 5)};
}

}  // namespace cuda
}  // namespace backlight
