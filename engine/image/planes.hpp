// The colours of a picture and its alpha, where it has some, treated alike.
#pragma once

#include <cstdint>
#include <type_traits>

#include "engine/image/image.hpp"

namespace backlight {

/// Calls `each(from, to, channels)` with the samples of both pictures, row by row, `channels` of them side by side for
/// a pixel: std::integral_constant 3 for the colours, 1 for alpha. `out` gets alpha where the picture has some.
template <class Each>
void for_each_plane(const Image& image, Image& out, Each each) {
  each(image.rgb.data(), out.rgb.data(), std::integral_constant<int, 3>());
  if (image.alpha.empty()) return;
  out.alpha.resize(out.rgb.size() / 3);
  each(image.alpha.data(), out.alpha.data(), std::integral_constant<int, 1>());
}

}  // namespace backlight
