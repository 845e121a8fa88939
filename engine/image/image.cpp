#include "engine/image/image.hpp"

namespace backlight {

Image::Image(int w, int h, std::uint8_t grey) : width(w), height(h) {
  if (w < 1 || h < 1 || std::int64_t{w} * h > kMaxPixels)
    throw Error(ErrorKind::bad_input, "a picture of ", w, "×", h,
                " pixels was asked for, expected at least 1×1 and at most ", kMaxPixels, " pixels");
  rgb.assign(static_cast<std::size_t>(w) * h * 3, grey);
}

}  // namespace backlight
