// From a coarse class map to what is shown, for a batch, in one pass over the pixels: with u the ReLU of the
// map at the picture's size,
//
//   shown     v = (u − min u) / (ε + max u − min u)
//   overlay   8-bit heat colours of v, blended with the picture
//   product   gradient · v (pytorch_grad_cam) or gradient · u (paper): Guided Grad-CAM
//
// each equal to the CPU's (engine/explain/display.hpp) to the bit. Where nothing speaks for the class the
// overlay is the picture.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/extrema.hpp"

namespace backlight {

class Context;

enum class OverlayFormula : std::uint8_t {
  pytorch_grad_cam,  ///< the coarse map is normalised too; half-pixel bilinear, ε = 1e-7; OpenCV's jet, equal
                     ///< shares, divided by the overlay's largest sample
  paper,  ///< align-corners, ε = 0; the original code's jet, equal shares
};

/// `batch` maps of map_height × map_width over pictures of height × width.
struct OverlayParams {
  std::int64_t batch = 0, map_height = 0, map_width = 0, height = 0, width = 0;
  std::int64_t channels = 3;  ///< of the gradient
  OverlayFormula formula = OverlayFormula::pytorch_grad_cam;
};

/// Read: the maps (with or without their ReLU) and their extrema as `weighted_sum_extrema` left them, the
/// pictures (height × width × 3), the gradients (channels × height × width).
struct OverlayInput {
  const float* map = nullptr;
  const Extrema* extrema = nullptr;
  const std::uint8_t* picture = nullptr;
  const float* gradient = nullptr;
};

/// Written; null for what is not wanted. `overlay` needs the picture, `product` the gradient and may be it.
struct OverlayOutput {
  float* shown = nullptr;
  std::uint8_t* overlay = nullptr;
  float* product = nullptr;
};

namespace cuda {

/// In the context's stream.
void overlay(Context& context, const OverlayParams& params, const OverlayInput& in, const OverlayOutput& out);

/// A sample takes 9 operations, its normalisation 3, the colours and the blend 18.
constexpr Cost overlay_cost(const OverlayParams& p, const OverlayOutput& wanted) {
  const std::int64_t pixels = p.batch * p.height * p.width;
  Cost cost{4 * p.batch * p.map_height * p.map_width, 12 * pixels};
  if (wanted.shown) cost.bytes += 4 * pixels;
  if (wanted.overlay) {
    cost.bytes += 6 * pixels;
    cost.flops += 18 * pixels;
  }
  if (wanted.product) {
    cost.bytes += 8 * p.channels * pixels;
    cost.flops += p.channels * pixels;
  }
  return cost;
}

}  // namespace cuda
}  // namespace backlight
