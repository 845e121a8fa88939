// What backlight takes from stb and libjpeg-turbo: pixels out of a PNG or a JPEG, and a PNG out of pixels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace backlight {

struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
  std::string failure;  ///< the decoder's reason; empty on success
};

/// Through stb_image; alpha is dropped, of 16 bits the upper 8 are kept.
Pixels decode_png(std::span<const std::uint8_t> bytes);

/// Through libjpeg-turbo. Grey, YCbCr and RGB become RGB by libjpeg; CMYK and YCCK, taken as inverted ink, as
/// Pillow's convert("RGB") does. Fails for a picture of more than `max_pixels` before memory is taken.
Pixels decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);

/// A whole PNG file of 8-bit RGB, through stb_image_write. Empty when memory is lacking.
std::vector<std::uint8_t> compress_png(std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace backlight
