// Decoders: libpng, stb_image, libjpeg-turbo and, where the build found them, libwebp and libtiff. Each takes a whole
// file whose declared size is within bounds and gives 8-bit RGB with what must be said about it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/image/image.hpp"

namespace backlight {

/// Damage that a decoder read past.
struct Damage {
  /// Where it is noticed, the worst place first: in a row of pixels; behind them, when any may be wrong; where
  /// the end is missing and nothing else; before the pixels.
  enum class Place { row, pixels, end, header };

  int count = 0;  ///< how often
  Place place = Place::header;
  int row = 0;                 ///< the first, of pixels as stored, where a row is the place
  std::string message;         ///< the decoder's words for what is there
  int grey_from = -1;          ///< the row in which the data ended before the pixels did, grey from there on
  bool missing_scans = false;  ///< all rows are there, but not all of their bits or colours
};

/// What the alpha channel hides, or would have hidden.
struct Transparency {
  std::int64_t pixels = 0;               ///< that are not opaque
  std::int64_t fully = 0;                ///< of these, that are invisible
  std::array<std::uint8_t, 3> colour{};  ///< of the first invisible one
  bool hidden_colours = false;           ///< the invisible ones are not all of that colour
};

struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
  Alpha wanted = Alpha::drop;
  std::vector<std::uint8_t> alpha;  ///< as Image has it
  std::string failure;  ///< the decoder's reason; empty on success
  Damage damage;
  Transparency transparency;
  int largest = 0;  ///< of samples of 16 bits; 0 for 8
};

/// Makes RGB of `channels` interleaved samples (grey, grey + alpha, RGB or RGBA), taking the upper 8 of 16
/// bits, and alpha where that is wanted; records what it hides and the largest sample of 16 bits. Rows follow
/// each other from `first_pixel` on.
template <class Sample>
void take_samples(const Sample* samples, int channels, std::size_t first_pixel, std::size_t count,
                  Pixels& out);

/// Through libpng, of a file whose size inspect_png has found within bounds. Throws Error(bad_input) naming `name`
/// where chunks or pixels are broken.
Pixels decode_png(std::span<const std::uint8_t> bytes, std::string_view name, Alpha alpha);

/// Through stb_image: BMP and the first frame of a GIF. Throws std::bad_alloc, as the others do.
Pixels decode_with_stb(std::span<const std::uint8_t> bytes, Alpha alpha);

/// Through stb_image, with samples of fewer than 8 bits scaled as Pillow does.
Pixels decode_bmp(std::span<const std::uint8_t> bytes, Alpha alpha);

/// Through libjpeg-turbo. Grey, YCbCr and RGB become RGB by libjpeg; CMYK and YCCK, taken as inverted ink, as
/// Pillow's convert("RGB") does. Fails for a picture of more than `max_pixels` before memory is taken.
Pixels decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);

/// Through libwebp; of an animation the first frame, beyond which the alpha of a file that has some is 0.
Pixels decode_webp(std::span<const std::uint8_t> bytes, Alpha alpha);

/// Through libtiff; the first page. Colours are multiplied by an alpha that is not wanted.
Pixels decode_tiff(std::span<const std::uint8_t> bytes, Alpha alpha);

}  // namespace backlight
