// Resizing of 8-bit pictures, equal to Pillow's Image.resize bit for bit.
#pragma once

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "engine/image/resample.hpp"

namespace backlight {

/// The whole picture at another size, antialiased when shrinking.
Image resize(const Image& image, int width, int height, Filter filter = Filter::bilinear);

/// The part `window` of the picture resized to width × height. Only that part is computed, so that a 1×5000
/// strip whose short side becomes 256 costs no gigabyte. The window must lie within the resized picture.
Image resize_window(const Image& image, std::int64_t width, std::int64_t height, const PixelRect& window,
                    Filter filter = Filter::bilinear);

/// The pixels of `rect`, which must lie within the picture.
Image crop(const Image& image, const PixelRect& rect);

}  // namespace backlight
