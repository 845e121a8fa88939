// What must be known of a PNG or JPEG file before its pixels are decoded: integrity, size, orientation.
//
// stb_image, which decodes PNG, checks no checksums, and libjpeg reads past the end of a truncated JPEG as if
// it went on. These passes over the file's structure refuse such files, and files whose declared size is out
// of proportion to their bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/image/image.hpp"

namespace backlight {

struct ImageContainer {
  std::int64_t width = 0;
  std::int64_t height = 0;
  Provenance provenance;
};

/// Walks a PNG's chunks: order, lengths, CRC-32, the size and Adler-32 of the inflated pixels, eXIf.
/// Throws Error(bad_input) naming `name`.
ImageContainer inspect_png(std::span<const std::uint8_t> bytes, std::string_view name);

/// Walks a JPEG's markers up to the end-of-image marker. Throws Error(bad_input or unsupported) naming
/// `name`.
ImageContainer inspect_jpeg(std::span<const std::uint8_t> bytes, std::string_view name);

/// The orientation tag of a TIFF header with its first directory (the body of EXIF); 1 when absent or
/// malformed.
int exif_orientation(std::span<const std::uint8_t> tiff);

}  // namespace backlight
