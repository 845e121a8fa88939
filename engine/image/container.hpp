// What must be known of a picture file before its pixels are decoded: integrity, size, orientation.
//
// stb_image checks no checksums and takes zeros for what lies beyond a file's end, and libjpeg reads on there
// as well. These passes over the file's structure refuse such files, and files whose declared size is out of
// proportion to their bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/image/image.hpp"

namespace backlight {

/// The first frame of a GIF.
struct GifFrame {
  int left = 0, top = 0, width = 0, height = 0;  ///< within the picture
  std::array<std::uint8_t, 3> outside{};         ///< the colour of what it does not cover, as Pillow has it
  std::vector<std::uint8_t> file;                ///< a GIF of that alone, opaque, over transparent black
  std::size_t flags = 0;  ///< where `file` would say, in bit 0, that a colour is transparent; 0: none is
};

struct ImageContainer {
  std::int64_t width = 0;
  std::int64_t height = 0;
  Provenance provenance;
  int frames = 1;        ///< or pages; from 2 on there are others beside the one that is decoded
  bool partial = false;  ///< the frame that is decoded covers a part of the picture
  GifFrame gif_frame;

  /// More than kMaxPixels, of sides from 1 on of any length.
  bool too_large() const { return height > kMaxPixels / width; }
};

/// Throws Error(bad_input) saying that the file `name` is damaged.
[[noreturn]] void corrupt(std::string_view name, const std::string& what);
/// Throws as decode_image does unless the first bytes are those of a format that this build reads.
void require_known_format(std::span<const std::uint8_t> bytes, std::string_view name);
/// Whether a file that begins so is a picture, of a format that is read or of one that is refused by name.
bool begins_as_picture(std::span<const std::uint8_t> bytes);
/// What these two look at, at most.
inline constexpr std::size_t kLongestSignature = 18;
/// The number in the first `count` bytes, at most four, the highest byte first or last.
std::uint32_t big_endian(std::span<const std::uint8_t> bytes, int count);
std::uint32_t little_endian(std::span<const std::uint8_t> bytes, int count);

/// Walks a PNG's chunks, the header's and eXIf among them; checksums and pixels are left to decode_png. Throws
/// Error(bad_input) naming `name`.
ImageContainer inspect_png(std::span<const std::uint8_t> bytes, std::string_view name);

/// Walks a JPEG's markers up to the end-of-image marker, or to the end of the file within a scan. Throws
/// Error(bad_input or unsupported) naming `name`.
ImageContainer inspect_jpeg(std::span<const std::uint8_t> bytes, std::string_view name);

/// A BMP's header; all its rows must be there. Throws as inspect_jpeg does.
ImageContainer inspect_bmp(std::span<const std::uint8_t> bytes, std::string_view name);

/// A GIF's blocks, up to the second frame. Throws Error(bad_input) naming `name` when the first is not whole.
ImageContainer inspect_gif(std::span<const std::uint8_t> bytes, std::string_view name);

/// Only in builds with libwebp. Throws as inspect_jpeg does.
ImageContainer inspect_webp(std::span<const std::uint8_t> bytes, std::string_view name);
/// Only in builds with libtiff. Throws as inspect_jpeg does.
ImageContainer inspect_tiff(std::span<const std::uint8_t> bytes, std::string_view name);

/// The orientation tag of a TIFF header with its first directory (the body of EXIF); 1 when absent or
/// malformed.
int exif_orientation(std::span<const std::uint8_t> tiff);

}  // namespace backlight
