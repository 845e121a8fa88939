// Colours for maps: the four "jets" in use, which are all different, and captum's diverging map.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/core/tensor.hpp"
#include "engine/image/image.hpp"

namespace backlight {

using Rgb = std::array<std::uint8_t, 3>;

enum class ColorMap {
  opencv_jet,       ///< OpenCV's COLORMAP_JET: 256 colours, index = truncated 255·v
  paper_jet,        ///< the original code's four linear pieces: blue, cyan, green, yellow, red
  matplotlib_jet,   ///< matplotlib's jet: 256 colours, index = truncated 256·v
  red_white_green,  ///< matplotlib's red–white–green of 256 colours: 0 red, 0.5 white, 1 green; captum's
                    ///< signed maps
};

/// "opencv-jet", "paper-jet", "matplotlib-jet", "red-white-green".
std::string_view name_of(ColorMap map);

/// The colour of a value in 0…1; values beyond are clamped, NaN counts as 0.
Rgb color_of(float value, ColorMap map);

/// An H×W map with values in 0…1 as a picture of the same size.
Image colorize(const Tensor& map, ColorMap color_map);

}  // namespace backlight
