// Heatmaps laid over the picture, each style equal to the program it is known from, and drawing on pictures.
#pragma once

#include <string_view>

#include "engine/core/tensor.hpp"
#include "engine/image/colormap.hpp"
#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"

namespace backlight {

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

}  // namespace backlight
