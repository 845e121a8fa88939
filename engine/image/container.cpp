#include "engine/image/container.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace backlight {

std::uint32_t big_endian(std::span<const std::uint8_t> bytes, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

std::uint32_t little_endian(std::span<const std::uint8_t> bytes, int count) {
  std::uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

void corrupt(std::string_view name, const std::string& what) {
  throw Error(ErrorKind::bad_input, name, ": ", what, "; the file is damaged or was not copied completely");
}

namespace {

enum JpegMarker : int {
  kSof0 = 0xC0,
  kDht = 0xC4,
  kJpg = 0xC8,
  kDac = 0xCC,
  kSof15 = 0xCF,
  kSoi = 0xD8,
  kEoi = 0xD9,
  kSos = 0xDA,
  kApp1 = 0xE1,
};

// Progressive files have about ten scans; a hostile one has thousands, each over the whole picture.
constexpr int kMaxScans = 200;
// Every 8×8 block of the largest component costs at least one bit.
constexpr std::int64_t kMaxJpegPixelsPerByte = 64 * 8;

void read_sof(int marker, std::span<const std::uint8_t> body, std::string_view name, ImageContainer& jpeg) {
  if (body.size() < 6) corrupt(name, "the JPEG frame header is too short");
  constexpr int kBaseline = 0xC0, kExtended = 0xC1, kProgressive = 0xC2;
  if (marker != kBaseline && marker != kExtended && marker != kProgressive)
    throw Error(ErrorKind::unsupported, name,
                ": a lossless, hierarchical or arithmetic-coded JPEG; save it as an ordinary JPEG or as PNG");
  if (body[0] != 8)
    throw Error(ErrorKind::unsupported, name, ": a JPEG of ", int{body[0]},
                " bits per sample, expected 8; save it as PNG");
  jpeg.height = big_endian(body.subspan(1), 2);
  jpeg.width = big_endian(body.subspan(3), 2);
  jpeg.provenance.format = "JPEG";
  jpeg.provenance.channels = body[5];
  if (jpeg.width == 0 || jpeg.height == 0) corrupt(name, "the JPEG declares no pixels");
}

}  // namespace

ImageContainer inspect_jpeg(std::span<const std::uint8_t> bytes, std::string_view name) {
  ImageContainer jpeg;
  bool exif = false;
  int scans = 0;
  std::size_t at = 2;
  for (;;) {
    // Between segments, and after a scan's data, the next marker is 0xFF followed by neither stuffing, a
    // restart nor fill.
    while (at + 1 < bytes.size() && (bytes[at] != 0xFF || bytes[at + 1] == 0 || bytes[at + 1] == 0xFF ||
                                     (bytes[at + 1] & 0xF8) == 0xD0))
      ++at;
    if (at + 1 >= bytes.size()) {
      if (scans == 0) corrupt(name, "the JPEG ends before its pixels begin");
      break;
    }
    const int marker = bytes[at + 1];
    at += 2;
    if (marker == kEoi) break;
    const std::size_t length = at + 2 <= bytes.size() ? big_endian(bytes.subspan(at), 2) : 0;
    if (length < 2 || at + length > bytes.size()) corrupt(name, "the JPEG ends within a segment");
    const auto body = bytes.subspan(at + 2, length - 2);
    if (marker == kSos && ++scans > kMaxScans)
      throw Error(ErrorKind::bad_input, name, ": a JPEG of more than ", kMaxScans, " scans; save it anew");
    if (marker >= kSof0 && marker <= kSof15 && marker != kDht && marker != kJpg && marker != kDac) {
      if (jpeg.width != 0) corrupt(name, "the JPEG has two frame headers");
      read_sof(marker, body, name, jpeg);
    }
    if (marker == kApp1 && !exif && body.size() > 6 && std::memcmp(body.data(), "Exif\0", 6) == 0) {
      jpeg.provenance.exif_orientation = exif_orientation(body.subspan(6));
      exif = true;
    }
    at += length;
  }
  if (jpeg.width == 0 || scans == 0) corrupt(name, "the JPEG holds no picture");
  if (jpeg.width * jpeg.height / kMaxJpegPixelsPerByte > static_cast<std::int64_t>(bytes.size()))
    corrupt(name,
            text("a JPEG of ", bytes.size(), " bytes cannot hold ", jpeg.width, "×", jpeg.height, " pixels"));
  return jpeg;
}

}  // namespace backlight
