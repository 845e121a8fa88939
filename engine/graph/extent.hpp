// Sizes in two dimensions, as the options of convolutions and pooling take them.
#pragma once

#include <cstdint>
#include <ostream>

namespace backlight {

/// Height and width; one number means both.
struct Extent2d {
  std::int64_t h = 0, w = 0;
  constexpr Extent2d(std::int64_t both) : h(both), w(both) {}
  constexpr Extent2d(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  constexpr bool within(std::int64_t least, std::int64_t most) const {
    return h >= least && w >= least && h <= most && w <= most;
  }
  friend bool operator==(const Extent2d&, const Extent2d&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Extent2d& e) { return out << e.h << "×" << e.w; }
};

/// No kernel, stride, dilation or padding is larger: far beyond any picture, and small enough that no product
/// of two overflows.
inline constexpr std::int64_t kLargestExtent = 1 << 20;

/// Padding on each side; one number means all four.
struct Padding2d {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  constexpr Padding2d(std::int64_t all) : top(all), bottom(all), left(all), right(all) {}
  constexpr Padding2d(std::int64_t above, std::int64_t below, std::int64_t before, std::int64_t after)
      : top(above), bottom(below), left(before), right(after) {}
  friend bool operator==(const Padding2d&, const Padding2d&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Padding2d& p) {
    return out << p.top << "," << p.bottom << "," << p.left << "," << p.right;
  }
};

}  // namespace backlight
