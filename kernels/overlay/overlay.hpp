// Heatmaps laid over the picture, each style equal to the program it is known from, and drawing on pictures.
//
// On CUDA, for a batch and in one pass over the pixels, from a coarse class map: with u the ReLU of the map at
// the picture's size,
//
//   shown     v = (u − min u) / (ε + max u − min u)
//   overlay   8-bit heat colours of v, blended with the picture
//   product   gradient · v (pytorch_grad_cam) or gradient · u (paper): Guided Grad-CAM
//
// each equal to the CPU's to the bit, which takes these steps one by one. Where nothing speaks for the class
// the overlay is the picture.
#pragma once

#include <cstdint>

#include "engine/core/tensor.hpp"
#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "kernels/colormap/colormap.hpp"
#include "kernels/cost.hpp"
#include "kernels/extrema.hpp"

namespace backlight {

class Context;

/// Equal shares of heatmap and picture, divided by the largest sample: pytorch-grad-cam's show_cam_on_image
/// (image_weight 0.5, OpenCV's jet). `map` is H×W in 0…1, of the picture's size.
Image overlay_pytorch_grad_cam(const Image& image, const Tensor& map, float image_weight = 0.5f);

/// torch-cam's overlay_mask: the coarse map in 0…1 enlarged by Pillow's bicubic filter, squared, matplotlib's
/// jet, and `image_weight` of the picture.
Image overlay_torch_cam(const Image& image, const Tensor& coarse_map, float image_weight = 0.7f);

/// captum's blended_heat_map of a signed map: half red–white–green of `captum_normalise`, half the picture's
/// grey (mean of the channels, stretched to its own minimum and maximum). `map` is H×W, of the picture's
/// size.
Image overlay_captum(const Image& image, const Tensor& map);

/// `image_weight` of the picture and the rest of `heat`, a picture of the same size, rounded to nearest.
Image blend(const Image& image, const Image& heat, float image_weight = 0.5f);

enum class OverlayStyle {
  pytorch_grad_cam,
  torch_cam,
  captum,
  paper,  ///< equal blend with the original code's jet, which drew the heatmap alone
};

/// The overlay on the picture that the user gave, at its own size, of a map over the network's input (any
/// resolution; 0…1, signed for captum). What the network did not see is shown dimmed. With Fit::none and a
/// map of the picture's size (torch-cam: the coarse map) this equals the functions above.
Image overlay_on_source(const Image& source, const Tensor& map, const Placement& placement,
                        OverlayStyle style);

/// Only the heatmap, at the source's size: the map's colours where the network looked, the colour of no
/// evidence around.
Image heatmap_on_source(const Tensor& map, const Placement& placement, ColorMap colors);

/// A picture over the network's input (a saliency picture) at its place on the source, the rest `surround`
/// grey.
Image place_on_source(const Image& picture, const Placement& placement, std::uint8_t surround = 225);

/// The outline of a box, `thickness` pixels wide inwards from its edges; parts beyond the picture are cut.
void draw_box(Image& image, const Box& box, Rgb color, int thickness);

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
