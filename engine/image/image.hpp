// Image: an 8-bit RGB picture, its alpha where that is asked for, and where it came from; decoding of picture
// files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.hpp"

namespace backlight {

/// What the file held before it became 8-bit RGB.
struct Provenance {
  std::string format;          ///< "PNG", "JPEG", "BMP", "GIF", "WebP", "TIFF"; empty when made in memory
  int channels = 3;            ///< 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA or (JPEG) CMYK
  int bit_depth = 8;           ///< per sample, as stored
  bool palette = false;        ///< indexed colour
  bool alpha_dropped = false;  ///< transparency was there and was ignored, as Pillow's convert("RGB") does
  int exif_orientation = 1;    ///< 1…8 as stored; 1 when there is none
  bool orientation_applied = false;   ///< the pixels were turned upright accordingly
  std::vector<std::string> warnings;  ///< damage that was read past: the pixels may be wrong
  std::vector<std::string> notes;  ///< what the file holds and the pixels do not show, or the other way round
};

/// Pixels row by row from the top, `rgb[(y * width + x) * 3 + channel]`.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
  /// A byte for each pixel, 255 where it is opaque; empty where all are, or where alpha was not asked for. The
  /// colours do not depend on it.
  std::vector<std::uint8_t> alpha;
  Provenance provenance;

  Image() = default;
  /// Filled with one grey level.
  Image(int width, int height, std::uint8_t grey = 0);

  std::uint8_t* at(int x, int y) { return &rgb[(static_cast<std::size_t>(y) * width + x) * 3]; }
  const std::uint8_t* at(int x, int y) const { return &rgb[(static_cast<std::size_t>(y) * width + x) * 3]; }
};

/// The largest picture that is decoded: Pillow's limit for "decompression bombs", 179 megapixels.
inline constexpr std::int64_t kMaxPixels = 178'956'970;
/// The largest file that `read_image` reads.
inline constexpr std::int64_t kMaxImageFileBytes = std::int64_t{1} << 30;

/// Whether the EXIF orientation tag turns the pixels. It is recorded either way.
enum class ExifOrientation { apply, ignore };

/// Whether a file's transparency becomes `Image::alpha`, of which the upper 8 bits are kept, too, or is lost.
enum class Alpha { drop, keep };

/// Throws Error(bad_input) naming `who`, what was found and what is expected, unless the picture has at least
/// one pixel, three bytes for each, and none or one of alpha.
void require_pixels(const Image& image, std::string_view who);

/// Decodes PNG (every colour type, 1 to 16 bits), JPEG (grey, YCbCr, RGB, CMYK, YCCK; baseline and
/// progressive), BMP, the first frame of a GIF and, where the build found their libraries, WebP and the first
/// page of a TIFF. The content decides, never the name. Of 16 bits the upper 8 are kept; CMYK becomes RGB as
/// in Pillow. `name` is what errors call it. Throws Error(bad_input) for files that are
/// corrupt, truncated, empty or too large, Error(unsupported) for other picture formats, which are recognised
/// by their first bytes and named.
Image decode_image(std::span<const std::uint8_t> bytes, std::string_view name,
                   ExifOrientation orientation = ExifOrientation::apply, Alpha alpha = Alpha::drop);

/// Reads and decodes a file, a pipe or a device to its end. Throws Error(bad_input) also when it cannot be
/// read, holds more than kMaxImageFileBytes, or is a pipe that nobody writes into.
Image read_image(const std::string& path, ExifOrientation orientation = ExifOrientation::apply,
                 Alpha alpha = Alpha::drop);
/// The same from an open file descriptor, which stays open.
Image read_image(int descriptor, std::string_view name, ExifOrientation orientation = ExifOrientation::apply,
                 Alpha alpha = Alpha::drop);

/// The picture turned upright: `orientation` is EXIF's tag 0x0112, 1…8. Widths and heights swap for 5…8.
Image apply_orientation(Image image, int orientation);

}  // namespace backlight
