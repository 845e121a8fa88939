// Maps that no network made. A method that does not beat them says nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/core/tensor.hpp"
#include "engine/image/image.hpp"

namespace backlight {

/// A map of height × width, the size of the picture that the network saw.
struct BaselineMap {
  std::string_view name;
  /// `seen`: what the network saw (Fitted::seen); `seed`: of the picture.
  Tensor (*map)(const Image& seen, std::uint64_t seed);
};

/// random   uniform in [0, 1), each pixel by itself
/// centre   a Gaussian in the middle, σ a quarter of each side
/// sobel    magnitude of Sobel's gradient of the picture's grey, edges repeated
/// uniform  1 everywhere: its segment is the whole picture, its first maximum the first pixel
std::span<const BaselineMap> baseline_maps();

}  // namespace backlight
