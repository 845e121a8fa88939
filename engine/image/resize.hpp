// Resizing of 8-bit pictures, equal to the Image.resize of Pillow 13 bit for bit.
//
// Two passes with 8-bit rounding after each. The horizontal one comes first, unless the height shrinks, and
// by more than twice as many pixels as the width; before release 13 Pillow took the horizontal pass first
// always.
#pragma once

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "engine/image/resample.hpp"

namespace backlight {

/// The whole picture at another size, antialiased when shrinking. Each colour, and alpha, by itself: of a mode
/// with alpha Pillow weighs colours by it instead.
Image resize(const Image& image, int width, int height, Filter filter = Filter::bilinear);

/// The part `window` of the picture resized to width × height. Only that part is computed, so that a 1×5000
/// strip whose short side becomes 256 costs no gigabyte. The window must lie within the resized picture.
Image resize_window(const Image& image, std::int64_t width, std::int64_t height, const PixelRect& window,
                    Filter filter = Filter::bilinear);

/// One pass of a resize, along one axis. Output i is (2²¹ + Σ_k in[first_i + k] · weights[i · stride + k]) >>
/// 22, clamped to 8 bits.
struct FixedWeights {
  int stride;
  std::vector<ResampleWeights::Taps> taps;
  std::vector<std::int32_t> weights;
};
/// Eight bits for the sample and two for overshoot of the cubic leave 22 for the fraction.
inline constexpr int kResizeFractionBits = 32 - 8 - 2;

/// What resize_window computes: two passes over the part `needed` of the picture, whose pixels the taps
/// count.
struct ResizePlan {
  PixelRect needed;
  FixedWeights across, down;
  bool vertical_first;
};
/// For a picture of in_width × in_height; the rest as in resize_window.
ResizePlan plan_resize(std::int64_t in_width, std::int64_t in_height, std::int64_t width, std::int64_t height,
                       const PixelRect& window, Filter filter = Filter::bilinear);

}  // namespace backlight
