#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"

namespace backlight {
namespace {

constexpr std::size_t kFileHeader = 14, kOldHeader = 12, kOldest = 26, kNewest = 34;
constexpr std::uint32_t kPlain = 0, kMasks = 3;

}  // namespace

ImageContainer inspect_bmp(std::span<const std::uint8_t> bytes, std::string_view name) {
  if (bytes.size() < kOldest) corrupt(name, "the BMP ends within its header");
  const auto at = [&](std::size_t offset, int count) { return little_endian(bytes.subspan(offset), count); };
  const bool old = at(kFileHeader, 4) == kOldHeader;
  if (!old && bytes.size() < kNewest) corrupt(name, "the BMP ends within its header");
  ImageContainer bmp;
  bmp.width = old ? std::int64_t{at(18, 2)} : std::int64_t{static_cast<std::int32_t>(at(18, 4))};
  // Rows run from the bottom up, or down where the height is negative.
  bmp.height = std::abs(old ? std::int64_t{at(20, 2)} : std::int64_t{static_cast<std::int32_t>(at(22, 4))});
  const std::int64_t bits = old ? at(24, 2) : at(28, 2);
  if (const std::uint32_t compression = old ? kPlain : at(30, 4);
      compression != kPlain && compression != kMasks)
    throw Error(ErrorKind::unsupported, name, ": a BMP with compressed pixels (kind ", compression,
                "), which is not supported; convert it to PNG or JPEG");
  if (bmp.width < 1 || bmp.height < 1 || bits < 1 || bits > 32)
    corrupt(name, "the BMP header has impossible values");
  bmp.provenance.format = "BMP";
  bmp.provenance.palette = bits <= 8;
  bmp.provenance.channels = bits == 32 ? 4 : 3;
  if (bmp.too_large()) return bmp;  // the caller refuses it
  const std::int64_t row_bytes = (bmp.width * bits + 31) / 32 * 4;
  const std::int64_t needed = at(10, 4) + row_bytes * bmp.height;
  if (at(10, 4) < kFileHeader + at(kFileHeader, 4) || needed > static_cast<std::int64_t>(bytes.size()))
    corrupt(name, text("the BMP has ", bytes.size(), " bytes, and ", bmp.width, "×", bmp.height,
                       " pixels of ", bits, " bits need ", needed));
  return bmp;
}

Pixels decode_bmp(std::span<const std::uint8_t> bytes, Alpha alpha) {
  constexpr std::size_t kHeader = 40, kMaskBytes = 4;
  const auto at = [&](std::size_t offset, int count) { return little_endian(bytes.subspan(offset), count); };
  const std::size_t header = at(kFileHeader, 4), pixels = at(10, 4), masks = kFileHeader + kHeader;
  const std::uint32_t bits = header == kOldHeader ? 0 : at(28, 2);
  if (bits < 16) return decode_with_stb(bytes, alpha);
  const bool masked = bits != 24 && at(30, 4) == kMasks && pixels >= masks + 3 * kMaskBytes;
  std::array<int, 3> unused{};  // bits of 8
  for (std::size_t c = 0; c < 3; ++c)
    unused[c] = masked       ? 8 - std::clamp(std::popcount(at(masks + kMaskBytes * c, 4)), 1, 8)
                : bits == 16 ? 3
                             : 0;
  // stb seeks pixels right behind a header of 40 bytes and, if there are any, three masks.
  std::vector<std::uint8_t> plain;
  const std::size_t end = masks + (masked ? 3 * kMaskBytes : 0);
  if (header <= 56 && (header != kHeader || pixels != end)) {
    plain.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    plain.insert(plain.end(), bytes.begin() + static_cast<std::ptrdiff_t>(pixels), bytes.end());
    plain[kFileHeader] = kHeader;
    std::fill_n(plain.begin() + 10, 4, std::uint8_t{0});
    plain[10] = static_cast<std::uint8_t>(end);
    bytes = plain;
  }
  Pixels out = decode_with_stb(bytes, alpha);
  // It repeats the upper bits, which are the sample, in the unused ones.
  if (unused != std::array<int, 3>{})
    for (std::size_t i = 0; i < out.rgb.size(); ++i)
      out.rgb[i] = static_cast<std::uint8_t>((out.rgb[i] >> unused[i % 3]) * 255 / (255 >> unused[i % 3]));
  return out;
}

}  // namespace backlight
