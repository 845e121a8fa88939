#include "engine/image/image.hpp"

#include <algorithm>

namespace backlight {

Image::Image(int w, int h, std::uint8_t grey) : width(w), height(h) {
  if (w < 1 || h < 1 || std::int64_t{w} * h > kMaxPixels)
    throw Error(ErrorKind::bad_input, "a picture of ", w, "×", h,
                " pixels was asked for, expected at least 1×1 and at most ", kMaxPixels, " pixels");
  rgb.assign(static_cast<std::size_t>(w) * h * 3, grey);
}

void require_pixels(const Image& image, std::string_view who) {
  const auto pixels = static_cast<std::size_t>(std::max(image.width, 0)) * std::max(image.height, 0);
  const bool coloured = pixels > 0 && image.rgb.size() == pixels * 3;
  if (coloured && (image.alpha.empty() || image.alpha.size() == pixels)) return;
  if (coloured)
    throw Error(ErrorKind::bad_input, "[", who, "] the picture says ", image.width, "×", image.height,
                " pixels and holds ", image.alpha.size(), " bytes of alpha, expected none or ", pixels);
  const bool four = pixels > 0 && image.rgb.size() == pixels * 4;
  throw Error(ErrorKind::bad_input, "[", who, "] the picture says ", image.width, "×", image.height,
              " pixels and holds ", image.rgb.size(), " bytes, expected ",
              pixels == 0 ? std::string("at least one pixel") : text(pixels * 3, ", three for each pixel"),
              four ? "; four for each are RGBA: the fourth goes into the picture's alpha" : "");
}

}  // namespace backlight
