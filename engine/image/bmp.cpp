#include <cstdlib>

#include "engine/image/container.hpp"

namespace backlight {

ImageContainer inspect_bmp(std::span<const std::uint8_t> bytes, std::string_view name) {
  constexpr std::size_t kFileHeader = 14, kOldHeader = 12, kOldest = 26, kNewest = 34;
  if (bytes.size() < kOldest) corrupt(name, "the BMP ends within its header");
  const auto at = [&](std::size_t offset, int count) { return little_endian(bytes.subspan(offset), count); };
  const bool old = at(kFileHeader, 4) == kOldHeader;
  if (!old && bytes.size() < kNewest) corrupt(name, "the BMP ends within its header");
  ImageContainer bmp;
  bmp.width = old ? at(18, 2) : static_cast<std::int32_t>(at(18, 4));
  // Rows run from the bottom up, or down where the height is negative.
  bmp.height = std::abs(old ? std::int64_t{at(20, 2)} : std::int64_t{static_cast<std::int32_t>(at(22, 4))});
  const std::int64_t bits = old ? at(24, 2) : at(28, 2);
  constexpr std::uint32_t kPlain = 0, kMasks = 3;
  if (const std::uint32_t compression = old ? kPlain : at(30, 4);
      compression != kPlain && compression != kMasks)
    throw Error(ErrorKind::unsupported, name, ": a BMP with compressed pixels (kind ", compression,
                "), which is not supported; convert it to PNG or JPEG");
  if (bmp.width < 1 || bmp.height < 1 || bits < 1 || bits > 32)
    corrupt(name, "the BMP header has impossible values");
  bmp.provenance.format = "BMP";
  bmp.provenance.palette = bits <= 8;
  bmp.provenance.channels = bits == 32 ? 4 : 3;
  if (bmp.width * bmp.height > kMaxPixels) return bmp;  // the caller refuses it
  const std::int64_t row_bytes = (bmp.width * bits + 31) / 32 * 4;
  const std::int64_t needed = at(10, 4) + row_bytes * bmp.height;
  if (at(10, 4) < kFileHeader + at(kFileHeader, 4) || needed > static_cast<std::int64_t>(bytes.size()))
    corrupt(name, text("the BMP has ", bytes.size(), " bytes, and ", bmp.width, "×", bmp.height,
                       " pixels of ", bits, " bits need ", needed));
  return bmp;
}

}  // namespace backlight
