// The two functions that backlight takes from stb: pixels out of a PNG or JPEG, and a PNG out of pixels.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace backlight {

struct StbPixels {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
  const char* failure = nullptr;  ///< stb's reason; null on success
};

StbPixels stb_decode_rgb(std::span<const std::uint8_t> bytes);

/// A whole PNG file of 8-bit RGB. Empty when memory is lacking.
std::vector<std::uint8_t> stb_encode_png(std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace backlight
