// Colours for maps: the four "jets" in use, which are all different, and captum's diverging map.
#pragma once

#include <algorithm>
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

/// OpenCV's jet at an index of 0…255. CUDA computes what the CPU looks up.
constexpr Rgb opencv_jet(int index) {
  const auto byte = [](int v) { return static_cast<std::uint8_t>(std::clamp(v, 0, 255)); };
  // The formula gives 2 at index 159; OpenCV's table, rounded from decimals, has 1.
  const int falling_blue = index == 159 ? 1 : 638 - 4 * index;
  const int red = index < 160 ? 4 * index - 382 : 1148 - 4 * index;
  const int green = index < 128 ? 4 * index - 128 : 892 - 4 * index;
  const int blue = index < 64 ? 128 + 4 * index : falling_blue;
  return {byte(red), byte(green), byte(blue)};
}

/// The original code's jet of a value in 0…1, to the nearest byte.
constexpr Rgb paper_jet(float value) {
  const float x = 4 * value;
  const auto byte = [](float v) {
    const float scaled = 255 * std::clamp(v, 0.0f, 1.0f);
    const int below = static_cast<int>(scaled);
    return static_cast<std::uint8_t>(scaled - static_cast<float>(below) < 0.5f ? below : below + 1);
  };
  return {byte(x - 2), byte(std::min(x, 4 - x)), byte(2 - x)};
}

/// An H×W map with values in 0…1 as a picture of the same size.
Image colorize(const Tensor& map, ColorMap color_map);

}  // namespace backlight
