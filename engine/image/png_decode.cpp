// A PNG row by row: what is inflated, filtered and interlaced is never held as a whole, beside the pixels.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <string>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"

namespace backlight {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kSignature = 8;
constexpr int kGrey = 0, kPalette = 3, kMostSamples = 4;

struct Header {
  std::int64_t width = 0, height = 0;
  int depth = 0, colour = 0;
  bool interlaced = false;

  int samples() const {  ///< of a pixel; 0 for a colour type that there is none of
    constexpr std::array<int, 7> kSamples = {1, 0, 3, 1, 2, 0, 4};
    return colour < static_cast<int>(kSamples.size()) ? kSamples[static_cast<std::size_t>(colour)] : 0;
  }
  int bits() const { return depth * samples(); }

  bool valid() const {
    const bool small = depth == 1 || depth == 2 || depth == 4;
    return width > 0 && height > 0 && samples() > 0 &&
           (depth == 8 || (depth == 16 && colour != kPalette) ||
            (small && (colour == kGrey || colour == kPalette)));
  }
};

/// Every dx-th pixel of every dy-th row: Adam7's seven, or the whole.
struct Pass {
  int x, y, dx, dy;

  std::int64_t columns(const Header& png) const { return (png.width - x + dx - 1) / dx; }
  std::int64_t rows(const Header& png) const { return columns(png) > 0 ? (png.height - y + dy - 1) / dy : 0; }
  /// Of a row with the byte that names its filter.
  std::size_t row_bytes(const Header& png) const {
    return static_cast<std::size_t>(1 + (columns(png) * png.bits() + 7) / 8);
  }
};

std::span<const Pass> passes(const Header& png) {
  static constexpr std::array<Pass, 7> kAdam7 = {
      {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
  static constexpr std::array<Pass, 1> kWhole = {{{0, 0, 1, 1}}};
  return png.interlaced ? std::span<const Pass>(kAdam7) : std::span<const Pass>(kWhole);
}

std::int64_t inflated_bytes(const Header& png) {
  std::int64_t total = 0;
  for (const Pass& pass : passes(png))
    total += pass.rows(png) * static_cast<std::int64_t>(pass.row_bytes(png));
  return total;
}

/// Inflates the IDAT chunks through a small window, so that a bomb costs no memory and a wrong checksum is seen.
class PixelStream {
 public:
  using Sink = std::function<void(Bytes)>;

  PixelStream(std::string_view name, std::int64_t expected, Sink sink)
      : name_(name), expected_(expected), sink_(std::move(sink)) {
    if (inflateInit(&stream_) != Z_OK) throw std::bad_alloc();
  }
  ~PixelStream() { inflateEnd(&stream_); }
  PixelStream(const PixelStream&) = delete;
  PixelStream& operator=(const PixelStream&) = delete;

  void feed(Bytes data) {
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
      const std::size_t count = window_.size() - stream_.avail_out;
      produced_ += static_cast<std::int64_t>(count);
      if (produced_ > expected_) corrupt(name_, "there are more pixels than the header declares");
      sink_(Bytes(window_).first(count));
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
  Sink sink_;
  std::int64_t produced_ = 0;
  bool ended_ = false;
  z_stream stream_{};
  std::vector<Bytef> window_ = std::vector<Bytef>(std::size_t{1} << 16);
};

Header read_header(Bytes body, std::string_view name) {
  if (body.size() != 13) corrupt(name, "the PNG header has a wrong length");
  const Header png{big_endian(body, 4), big_endian(body.subspan(4), 4), body[8], body[9], body[12] == 1};
  if (!png.valid() || body[12] > 1) corrupt(name, "the PNG header has impossible values");
  return png;
}

std::uint8_t paeth(int left, int up, int corner) {
  const int from_left = std::abs(up - corner), from_up = std::abs(left - corner),
            from_corner = std::abs(left + up - 2 * corner);
  return static_cast<std::uint8_t>(from_left <= from_up && from_left <= from_corner ? left
                                   : from_up <= from_corner                         ? up
                                                                                    : corner);
}

/// Takes a row's filter away; `up` is the row above, `step` the bytes from a pixel to the next. False where
/// there is no such filter.
bool unfilter(int filter, std::span<std::uint8_t> row, Bytes up, std::size_t step) {
  const auto add = [&](const auto& predicted) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const int left = i < step ? 0 : row[i - step], corner = i < step ? 0 : up[i - step];
      row[i] = static_cast<std::uint8_t>(row[i] + predicted(left, int{up[i]}, corner));
    }
  };
  switch (filter) {
    case 0:
      return true;
    case 1:
      add([](int left, int, int) { return left; });
      return true;
    case 2:
      add([](int, int above, int) { return above; });
      return true;
    case 3:
      add([](int left, int above, int) { return (left + above) / 2; });
      return true;
    case 4:
      add(paeth);
      return true;
  }
  return false;
}

/// Takes inflated bytes and puts pixels in their places.
class Rows {
 public:
  Rows(const Header& png, Pixels& out) : png_(png), out_(out), passes_(passes(png)) { begin_pass(); }

  /// Indices beyond the palette are black, as in Pillow.
  void set_palette(Bytes body) {
    for (std::size_t i = 0; i < std::min<std::size_t>(body.size() / 3, palette_.size()); ++i)
      std::copy_n(&body[3 * i], 3, palette_[i].begin());
    has_palette_ = true;
  }

  /// Alpha of the palette's colours, or the one colour that is transparent.
  void set_transparency(Bytes body) {
    if (png_.colour == kPalette) {
      for (std::size_t i = 0; i < std::min(body.size(), palette_.size()); ++i) palette_[i][3] = body[i];
    } else {
      if (png_.samples() % 2 == 0 || std::ssize(body) < 2 * png_.samples()) return;
      for (int c = 0; c < png_.samples(); ++c)
        key_[static_cast<std::size_t>(c)] = static_cast<std::uint16_t>(
            big_endian(body.subspan(2 * static_cast<std::size_t>(c)), 2) & ((1U << png_.depth) - 1));
    }
    transparent_ = true;
  }

  bool complete() const { return png_.colour != kPalette || has_palette_; }

  void take(Bytes bytes) {
    while (!bytes.empty() && !passes_.empty()) {
      const std::size_t count = std::min(bytes.size(), row_.size() - filled_);
      std::copy_n(bytes.begin(), count, row_.begin() + static_cast<std::ptrdiff_t>(filled_));
      filled_ += count;
      bytes = bytes.subspan(count);
      if (filled_ == row_.size()) end_row();
    }
  }

 private:
  void begin_pass() {
    while (!passes_.empty() && passes_.front().rows(png_) == 0) passes_ = passes_.subspan(1);
    if (passes_.empty()) return;
    row_.assign(passes_.front().row_bytes(png_), 0);
    up_ = row_;
    y_ = 0;
  }

  void end_row() {
    const auto step = static_cast<std::size_t>(std::max(png_.bits() / 8, 1));
    if (!unfilter(row_[0], std::span(row_).subspan(1), Bytes(up_).subspan(1), step) && out_.failure.empty())
      out_.failure = "a row has a filter that there is not";
    if (png_.depth == 8 && png_.colour != kPalette && !transparent_)
      place(&row_[1]);
    else if (png_.depth == 16)
      place(unpacked(samples_16_));
    else
      place(unpacked(samples_8_));
    row_.swap(up_);
    filled_ = 0;
    if (++y_ < passes_.front().rows(png_)) return;
    passes_ = passes_.subspan(1);
    begin_pass();
  }

  /// Sample i of the row, as it is stored.
  std::uint16_t stored(std::size_t i) const {
    const std::uint8_t* bytes = &row_[1];
    if (png_.depth == 8) return bytes[i];
    if (png_.depth == 16) return static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    const std::size_t bit = i * static_cast<std::size_t>(png_.depth);
    return bytes[bit / 8] >> (8 - png_.depth - bit % 8) & ((1 << png_.depth) - 1);
  }

  /// Puts the row's samples into the buffer, with colours for indices and the transparent colour as alpha.
  template <class Sample>
  const Sample* unpacked(std::vector<Sample>& samples) const {
    const auto columns = static_cast<std::size_t>(passes_.front().columns(png_));
    const auto each = static_cast<std::size_t>(png_.samples());
    const bool indexed = png_.colour == kPalette;
    constexpr auto kOpaque = static_cast<Sample>(~Sample{0});
    // Of fewer than 8 bits the largest becomes 255.
    const int scale = png_.depth < 8 ? 255 / ((1 << png_.depth) - 1) : 1;
    samples.clear();
    for (std::size_t i = 0; i < columns * each; i += each) {
      if (indexed) {
        const auto& colour = palette_[stored(i)];
        samples.insert(samples.end(), colour.begin(), colour.begin() + (transparent_ ? 4 : 3));
        continue;
      }
      bool is_key = transparent_;
      for (std::size_t c = 0; c < each; ++c) {
        const std::uint16_t sample = stored(i + c);
        is_key = is_key && sample == key_[c];
        samples.push_back(static_cast<Sample>(sample * scale));
      }
      if (transparent_) samples.push_back(is_key ? Sample{0} : kOpaque);
    }
    return samples.data();
  }

  template <class Sample>
  void place(const Sample* samples) {
    const Pass& pass = passes_.front();
    const auto columns = static_cast<std::size_t>(pass.columns(png_));
    const auto first = static_cast<std::size_t>((pass.y + y_ * pass.dy) * png_.width + pass.x);
    const int channels =
        png_.colour == kPalette ? (transparent_ ? 4 : 3) : png_.samples() + (transparent_ ? 1 : 0);
    if (pass.dx == 1) return take_samples(samples, channels, first, columns, out_);
    for (std::size_t i = 0; i < columns; ++i, samples += channels)
      take_samples(samples, channels, first + i * static_cast<std::size_t>(pass.dx), 1, out_);
  }

  const Header& png_;
  Pixels& out_;
  std::span<const Pass> passes_;  ///< the one under way, and those to come
  std::int64_t y_ = 0;            ///< within the pass
  std::vector<std::uint8_t> row_, up_;
  std::size_t filled_ = 0;
  std::array<std::array<std::uint8_t, 4>, 256> palette_ = [] {
    std::array<std::array<std::uint8_t, 4>, 256> black{};
    for (auto& colour : black) colour[3] = 255;
    return black;
  }();
  std::array<std::uint16_t, kMostSamples> key_{};
  bool has_palette_ = false, transparent_ = false;
  std::vector<std::uint8_t> samples_8_;
  std::vector<std::uint16_t> samples_16_;
};

struct Chunk {
  std::string_view type;
  Bytes body;
};

/// The chunk that begins there, which is taken off. Throws where it is not whole.
Chunk next_chunk(Bytes& rest, std::string_view name) {
  constexpr std::size_t kAround = 12;
  const std::size_t length = rest.size() < kAround ? 0 : big_endian(rest, 4);
  if (rest.size() < kAround || length > rest.size() - kAround) corrupt(name, "the PNG ends within a chunk");
  const Chunk chunk{{reinterpret_cast<const char*>(rest.data()) + 4, 4}, rest.subspan(8, length)};
  rest = rest.subspan(kAround + length);
  return chunk;
}

}  // namespace

ImageContainer inspect_png(Bytes bytes, std::string_view name) {
  ImageContainer png;
  std::optional<PixelStream> pixels;
  Bytes rest = bytes.subspan(kSignature);
  for (bool ended = false; !ended;) {
    const std::uint8_t* begin = rest.data();
    const auto [type, body] = next_chunk(rest, name);
    const uLong crc = crc32(0, begin + 4, static_cast<uInt>(body.size() + 4));
    if (crc != big_endian({begin + 8 + body.size(), 4}, 4))
      corrupt(name, text("the checksum of a PNG chunk does not match (at byte ", begin - bytes.data(), ")"));
    if ((type == "IHDR") != (begin == bytes.data() + kSignature))
      corrupt(name, "the PNG header is missing or repeated");
    if (type == "IHDR") {
      const Header header = read_header(body, name);
      png.width = header.width;
      png.height = header.height;
      png.provenance.format = "PNG";
      png.provenance.bit_depth = header.depth;
      png.provenance.palette = header.colour == kPalette;
      png.provenance.channels = png.provenance.palette ? 3 : header.samples();
      png.provenance.alpha_dropped = header.samples() % 2 == 0;
      if (png.too_large()) return png;  // the caller refuses it
      pixels.emplace(name, inflated_bytes(header), [](Bytes) {});
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
  }
  pixels->finish();
  return png;
}

Pixels decode_png(Bytes bytes, std::string_view name) {
  Pixels out;
  Bytes rest = bytes.subspan(kSignature);
  const Header header = read_header(next_chunk(rest, name).body, name);
  out.width = static_cast<int>(header.width);
  out.height = static_cast<int>(header.height);
  out.rgb.resize(static_cast<std::size_t>(header.width * header.height) * 3);
  Rows rows(header, out);
  PixelStream pixels(name, inflated_bytes(header), [&](Bytes inflated) { rows.take(inflated); });
  for (bool begun = false; out.failure.empty();) {
    const auto [type, body] = next_chunk(rest, name);
    if (type == "IEND") break;
    if (type == "IDAT") {
      if (!rows.complete()) out.failure = "its palette is missing";
      pixels.feed(body);
      begun = true;
    } else if (type == "PLTE" && !begun) {
      rows.set_palette(body);
    } else if (type == "tRNS" && !begun) {
      rows.set_transparency(body);
    } else if (type[0] >= 'A' && type[0] <= 'Z' && type != "PLTE") {
      out.failure = text("it needs a chunk ", type, " to be understood");
    }
  }
  return out;
}

}  // namespace backlight
