// Pictures for the tests, the same as tests/golden/make_image.py makes.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

namespace backlight::test {

/// Noise of 8 bits by name.
inline Image picture(const std::string& name, int width, int height) {
  const Tensor noise = random_tensor({height, width, 3}, name, 0, 256);
  Image image(width, height);
  std::transform(noise.values().begin(), noise.values().end(), image.rgb.begin(),
                 [](float v) { return static_cast<std::uint8_t>(v); });
  return image;
}

/// A photograph that ships, e.g. photograph("chelsea").
inline Image photograph(const std::string& name) {
  return read_image(text(BACKLIGHT_SOURCE_DIR, "/tests/images/", name, ".png"));
}

/// The pixels of `rect`, which lies within the picture.
inline Image crop(const Image& image, const PixelRect& rect) {
  Image out(static_cast<int>(rect.width()), static_cast<int>(rect.height()));
  for (int y = 0; y < out.height; ++y)
    std::copy_n(image.at(static_cast<int>(rect.x0), static_cast<int>(rect.y0) + y), out.width * 3,
                out.at(0, y));
  return out;
}

/// Whether the picture's bytes have the CRC-32 that the golden tensor holds as two halves.
inline bool has_checksum(const Image& image, const std::string& golden_name) {
  const Tensor halves = golden("image", golden_name);
  const auto crc = crc32(0, image.rgb.data(), static_cast<uInt>(image.rgb.size()));
  return static_cast<float>(crc >> 16) == halves.values()[0] &&
         static_cast<float>(crc & 0xFFFF) == halves.values()[1];
}

/// How far a picture is from an H×W×3 (or H×W) golden, in levels.
struct LevelDifference {
  int largest = 255;
  double share_above_one = 1;  ///< of samples that differ by more than one level
};

inline LevelDifference compare(const Image& image, const Tensor& expected) {
  if (expected.shape()[0] != image.height || expected.shape()[1] != image.width ||
      expected.numel() != static_cast<std::int64_t>(image.rgb.size()))
    return {};
  LevelDifference result{0, 0};
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const int difference = std::abs(int{image.rgb[i]} - static_cast<int>(expected.values()[i]));
    result.largest = std::max(result.largest, difference);
    result.share_above_one += difference > 1 ? 1.0 / static_cast<double>(image.rgb.size()) : 0.0;
  }
  return result;
}

/// Largest absolute difference; infinite when a shape differs or a value is NaN.
inline double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  if (a.numel() != b.numel()) return INFINITY;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double difference = std::abs(double{a.values()[i]} - double{b.values()[i]});
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

}  // namespace backlight::test
