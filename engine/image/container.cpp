#include "engine/image/container.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
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

// ---- PNG

constexpr std::size_t kPngSignature = 8;

/// The inflated size of the pixels: one filter byte per row and pass.
std::int64_t png_raw_bytes(std::int64_t width, std::int64_t height, int bits_per_pixel, bool interlaced) {
  struct Pass {
    int x, y, dx, dy;
  };
  constexpr std::array<Pass, 7> kAdam7 = {
      {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
  constexpr std::array<Pass, 1> kWhole = {{{0, 0, 1, 1}}};
  const auto passes = interlaced ? std::span<const Pass>(kAdam7) : std::span<const Pass>(kWhole);
  std::int64_t total = 0;
  for (const Pass& pass : passes) {
    const std::int64_t columns = (width - pass.x + pass.dx - 1) / pass.dx;
    const std::int64_t rows = (height - pass.y + pass.dy - 1) / pass.dy;
    if (columns > 0 && rows > 0) total += rows * (1 + (columns * bits_per_pixel + 7) / 8);
  }
  return total;
}

/// Inflates the IDAT chunks into a small window, so that a bomb costs no memory and a wrong checksum is seen.
class PixelStream {
 public:
  PixelStream(std::string_view name, std::int64_t expected) : name_(name), expected_(expected) {
    if (inflateInit(&stream_) != Z_OK) throw std::bad_alloc();
  }
  ~PixelStream() { inflateEnd(&stream_); }
  PixelStream(const PixelStream&) = delete;
  PixelStream& operator=(const PixelStream&) = delete;

  void feed(std::span<const std::uint8_t> data) {
    stream_.next_in = const_cast<Bytef*>(data.data());
    stream_.avail_in = static_cast<uInt>(data.size());
    int status = Z_OK;
    while (!ended_ && status != Z_BUF_ERROR) {
      stream_.next_out = window_.data();
      stream_.avail_out = static_cast<uInt>(window_.size());
      status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_MEM_ERROR) throw std::bad_alloc();
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        corrupt(name_,
                "the compressed pixels are broken (" + std::string(stream_.msg ? stream_.msg : "zlib") + ")");
      produced_ += static_cast<std::int64_t>(window_.size() - stream_.avail_out);
      if (produced_ > expected_) corrupt(name_, "there are more pixels than the header declares");
      ended_ = status == Z_STREAM_END;
    }
  }

  void finish() const {
    if (!ended_ || produced_ != expected_)
      corrupt(name_, text("the pixels end early: ", produced_, " of ", expected_, " bytes"));
  }

 private:
  std::string_view name_;
  std::int64_t expected_;
  std::int64_t produced_ = 0;
  bool ended_ = false;
  z_stream stream_{};
  std::vector<Bytef> window_ = std::vector<Bytef>(std::size_t{1} << 16);
};

/// Fills size and provenance; returns the number of bytes that the pixels must inflate to.
std::int64_t read_ihdr(std::span<const std::uint8_t> body, std::string_view name, ImageContainer& png) {
  if (body.size() != 13) corrupt(name, "the PNG header has a wrong length");
  png.width = big_endian(body, 4);
  png.height = big_endian(body.subspan(4), 4);
  const int depth = body[8];
  const int colour = body[9];
  constexpr std::array<int, 7> kSamples = {1, 0, 3, 1, 2, 0, 4};
  if (png.width == 0 || png.height == 0 || colour > 6 || kSamples[colour] == 0 || depth > 16 ||
      (depth & (depth - 1)) != 0 || depth == 0 || body[12] > 1)
    corrupt(name, "the PNG header has impossible values");
  png.provenance.format = "PNG";
  png.provenance.bit_depth = depth;
  png.provenance.palette = colour == 3;
  png.provenance.channels = colour == 3 ? 3 : kSamples[colour];
  png.provenance.alpha_dropped = colour == 4 || colour == 6;
  if (png.too_large()) return 0;  // the caller refuses it
  return png_raw_bytes(png.width, png.height, depth * kSamples[colour], body[12] == 1);
}

// ---- JPEG

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
constexpr std::int64_t kMaxPixelsPerByte = 64 * 8;

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

ImageContainer inspect_png(std::span<const std::uint8_t> bytes, std::string_view name) {
  ImageContainer png;
  std::unique_ptr<PixelStream> pixels;
  bool ended = false;
  std::span<const std::uint8_t> rest = bytes.subspan(kPngSignature);
  while (!ended) {
    if (rest.size() < 12) corrupt(name, "the PNG ends within a chunk");
    const std::size_t length = big_endian(rest, 4);
    if (length > rest.size() - 12) corrupt(name, "the PNG ends within a chunk");
    const std::string_view type(reinterpret_cast<const char*>(rest.data()) + 4, 4);
    const auto body = rest.subspan(8, length);
    const uLong crc = crc32(0, rest.data() + 4, static_cast<uInt>(length + 4));
    if (crc != big_endian(rest.subspan(8 + length), 4))
      corrupt(name,
              text("the checksum of a PNG chunk does not match (at byte ", rest.data() - bytes.data(), ")"));
    if ((type == "IHDR") != (rest.data() == bytes.data() + kPngSignature))
      corrupt(name, "the PNG header is missing or repeated");
    if (type == "IHDR") {
      const std::int64_t raw_bytes = read_ihdr(body, name, png);
      if (raw_bytes == 0) return png;
      pixels = std::make_unique<PixelStream>(name, raw_bytes);
    } else if (type == "IDAT") {
      pixels->feed(body);
    } else if (type == "tRNS") {
      png.provenance.alpha_dropped = true;
    } else if (type == "fdAT") {  // the pixels of an animation's later frames
      png.frames = 2;
    } else if (type == "eXIf") {
      png.provenance.exif_orientation = exif_orientation(body);
    }
    ended = type == "IEND";
    rest = rest.subspan(12 + length);
  }
  pixels->finish();
  return png;
}

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
  if (jpeg.width * jpeg.height / kMaxPixelsPerByte > static_cast<std::int64_t>(bytes.size()))
    corrupt(name,
            text("a JPEG of ", bytes.size(), " bytes cannot hold ", jpeg.width, "×", jpeg.height, " pixels"));
  return jpeg;
}

}  // namespace backlight
