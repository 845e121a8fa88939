// The clutter behind the objects, and the camera that takes the picture.
#pragma once

#include <cstdint>
#include <vector>

#include "models/scenes/draws.hpp"

namespace backlight::scenes {

/// A square picture before rounding to 8 bits, row by row.
struct Canvas {
  int size = 0;
  std::vector<Rgb> pixels;

  Rgb& at(int x, int y) { return pixels[static_cast<std::size_t>(y) * size + x]; }
};

/// A gradient, smooth noise over it, then blobs, bars and lines, some of them in the classes' textures.
Canvas draw_background(std::uint64_t seed, std::uint64_t index, int size);

/// Exposure, contrast and grain, then 8 bits: interleaved RGB.
std::vector<std::uint8_t> expose(const Canvas& canvas, std::uint64_t seed, std::uint64_t index);

}  // namespace backlight::scenes
