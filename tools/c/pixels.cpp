#include <cstdlib>

#include "tools/c/boundary.hpp"
#include "tools/c/model.hpp"

namespace backlight::c {

Fit fit_of(std::int32_t fit) {
  switch (fit) {
    case BL_FIT_CROP:
      return Fit::crop;
    case BL_FIT_STRETCH:
      return Fit::stretch;
    case BL_FIT_NONE:
      return Fit::none;
  }
  throw Error(ErrorKind::usage, "the fit is ", fit, ": expected a bl_fit, 0 to ",
              static_cast<int>(BL_FIT_NONE));
}

std::size_t samples_of(std::int32_t format) {
  switch (format) {
    case BL_RGB:
    case BL_BGR:
      return 3;
    case BL_RGBA:
      return 4;
    case BL_GREY:
      return 1;
  }
  throw Error(ErrorKind::usage, "the format is ", format, ": expected a bl_format, 0 to ",
              static_cast<int>(BL_GREY));
}

Image image_of(const bl_image* image, Alpha alpha) {
  const bl_image from = taken(image, "image");
  require(from.pixels, "image->pixels");
  if (from.width < 1 || from.height < 1 || std::int64_t{from.width} * from.height > kMaxPixels)
    throw Error(ErrorKind::usage, "the image is ", from.width, "×", from.height, ": expected 1 to ",
                kMaxPixels, " pixels");
  const auto samples = static_cast<std::ptrdiff_t>(samples_of(from.format)), row = from.width * samples;
  const std::ptrdiff_t stride = from.stride == 0 ? row : from.stride;
  std::ptrdiff_t extent = 0;
  if ((stride > -row && stride < row) || __builtin_mul_overflow(stride, from.height, &extent))
    throw Error(ErrorKind::usage, "image->stride is ", from.stride, " for ", from.height, " rows of ", row,
                " bytes: expected the bytes from a row to the one below it");

  Image result(from.width, from.height);
  const bool alpha_kept = alpha == Alpha::keep && from.format == BL_RGBA;
  if (alpha_kept) result.alpha.reserve(result.rgb.size() / 3);
  std::uint8_t* to = result.rgb.data();
  for (std::ptrdiff_t y = 0; y < from.height; ++y) {
    const std::uint8_t* pixel = from.pixels + y * stride;
    for (std::int32_t x = 0; x < from.width; ++x, pixel += samples, to += 3) {
      const bool grey = from.format == BL_GREY, bgr = from.format == BL_BGR;
      to[0] = pixel[bgr ? 2 : 0];
      to[1] = pixel[grey ? 0 : 1];
      to[2] = pixel[grey || bgr ? 0 : 2];
      if (alpha_kept) result.alpha.push_back(pixel[3]);
    }
  }
  return result;
}

void write_pixels(const Image& image, std::int32_t format, std::uint8_t* out, std::size_t stride,
                  std::size_t capacity) {
  const std::size_t samples = samples_of(format), row = static_cast<std::size_t>(image.width) * samples;
  if (format == BL_GREY)
    throw Error(ErrorKind::usage,
                "an overlay has colours: expected BL_RGB, BL_BGR or BL_RGBA, found BL_GREY");
  require(out, "out");
  if (stride == 0) stride = row;
  const auto height = static_cast<std::size_t>(image.height);
  std::size_t needed = 0;
  if (stride < row || __builtin_mul_overflow(stride, height - 1, &needed) ||
      __builtin_add_overflow(needed, row, &needed))
    throw Error(ErrorKind::usage, "the stride is ", stride, " for ", height, " rows of ", row,
                " bytes: expected the bytes from a row to the one below it");
  if (capacity < needed)
    throw Error(ErrorKind::usage, "out holds ", capacity, " bytes, and the overlay of ", image.width, "×",
                height, " pixels takes ", needed);
  const std::uint8_t* from = image.rgb.data();
  for (std::size_t y = 0; y < height; ++y) {
    std::uint8_t* pixel = out + y * stride;
    for (int x = 0; x < image.width; ++x, pixel += samples, from += 3) {
      pixel[0] = from[format == BL_BGR ? 2 : 0];
      pixel[1] = from[1];
      pixel[2] = from[format == BL_BGR ? 0 : 2];
      if (format == BL_RGBA) pixel[3] = 255;
    }
  }
}

}  // namespace backlight::c
