// Pixels of an object as COCO encodes them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace backlight::tools {

/// Polygons, whose pixels are joined, or lengths of runs of 0 and 1 by turns, down the columns.
struct MaskCode {
  std::vector<std::vector<double>> polygons = {};  ///< x and y by turns
  std::vector<std::int64_t> runs = {};

  /// Of a picture of width × height, row by row, 1 on the object, as pycocotools decodes it. Throws Error(bad_input)
  /// for runs of another number of pixels, and for polygons of fewer than three corners or far from the picture.
  std::vector<std::uint8_t> pixels(std::int64_t width, std::int64_t height) const;
};

/// The lengths in pycocotools' compressed text. Throws Error(bad_input).
std::vector<std::int64_t> runs_of(std::string_view compressed);

}  // namespace backlight::tools
