// Showing a signed C×H×W gradient as an 8-bit picture, in the three ways in use:
//
//   deprocess   (g − mean) / (std + 1e-5) · 0.1 + 0.5, clipped to 0…1, truncated     pytorch-grad-cam
//   min_max     (g − min) / (max − min), over all channels; a constant is mid-grey   the original code
//   captum      Σ_c g_c over the magnitude below which 98 % of Σ|Σ_c g_c| lies        captum, on the CPU only
#pragma once

#include <cstdint>
#include <functional>

#include "engine/core/tensor.hpp"
#include "engine/image/image.hpp"
#include "kernels/cost.hpp"
#include "kernels/extrema.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {

class Context;

/// All of these take C×H×W or 1×C×H×W, C being 3 in the order R G B, 4 with alpha, which is not shown, or 1 (grey,
/// shown in grey), and throw Error(bad_input) for other shapes, NaN or infinity.

/// pytorch-grad-cam's deprocess_image: (g − mean) / (std + 1e-5) · 0.1 + 0.5, clipped to 0…1, truncated to 8
/// bits.
Image saliency_deprocess(const Tensor& gradient);

/// The original code: joint minimum and maximum of all colours to 0…255. A constant gradient is mid-grey.
Image saliency_min_max(const Tensor& gradient);

/// captum's heat map of a signed attribution: channels summed, see `captum_normalise`, then red–white–green.
Image saliency_captum(const Tensor& gradient);

/// The magnitude below which 98 % of the summed magnitude of an attribution lies; 0 when all of it is zero.
/// `row` writes the row's `width` values, and is called for each row several times.
float captum_scale(std::int64_t height, std::int64_t width,
                   const std::function<void(std::int64_t y, float* to)>& row);

/// captum's normalisation of an H×W attribution: divided by captum_scale, clipped to −1…1. An attribution
/// that is zero everywhere stays zero.
Tensor captum_normalise(const Tensor& attribution);

/// The gradient with its channels in the order R G B, whatever order the network takes; alpha stays the fourth.
Tensor to_rgb_order(Tensor gradient, const Preprocessing& how);

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
