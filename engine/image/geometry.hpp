// Boxes, and where the network's input lies on the picture that the user gave.
#pragma once

#include <cstdint>

namespace backlight {

/// A box in pixels, by its edges: pixel (x, y) covers [x, x+1) × [y, y+1), so a one-pixel box has width 1.
struct Box {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  friend bool operator==(const Box&, const Box&) = default;
};

/// Whole pixels [x0, x1) × [y0, y1).
struct PixelRect {
  std::int64_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  std::int64_t width() const { return x1 - x0; }
  std::int64_t height() const { return y1 - y0; }
  friend bool operator==(const PixelRect&, const PixelRect&) = default;
};

/// The inverse of a fit. Along each axis `source = (input + offset) * scale`, in continuous pixel
/// coordinates.
struct Placement {
  int input_width = 0, input_height = 0;
  int source_width = 0, source_height = 0;
  double scale_x = 1, scale_y = 1;    ///< source pixels per input pixel
  double offset_x = 0, offset_y = 0;  ///< where the crop begins in the resized picture; negative where padded

  /// A box of network-input pixels on the source, cut at the source's edges.
  Box to_source(const Box& box) const;
  /// The source pixels whose centres the network saw; the rest of the picture fell to the crop. At least one
  /// pixel. Throws Error(bad_input) for sizes or scales that are not positive.
  PixelRect seen() const;
};

}  // namespace backlight
