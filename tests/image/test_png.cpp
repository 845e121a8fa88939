// PNGs of every kind, written here from known samples.
#include <doctest/doctest.h>
#include <zlib.h>

#include <array>
#include <cstdlib>

#include "engine/image/image.hpp"
#include "support/random.hpp"
#include "support/sanitized.hpp"
#include "support/scarcity.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& to, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) to.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

void append_chunk(Bytes& png, std::string_view type, const Bytes& body) {
  append(png, static_cast<std::uint32_t>(body.size()), 4);
  const std::size_t begin = png.size();
  png.insert(png.end(), type.begin(), type.end());
  png.insert(png.end(), body.begin(), body.end());
  append(png, static_cast<std::uint32_t>(crc32(0, &png[begin], static_cast<uInt>(png.size() - begin))), 4);
}

struct Kind {
  int colour, depth;
  bool interlaced, transparent;

  int samples() const { return std::array{1, 0, 3, 1, 2, 0, 4}[static_cast<std::size_t>(colour)]; }
};

Bytes png_of(const Kind& kind, int width, int height, const Bytes& raw, const Bytes& palette,
             const Bytes& transparency) {
  Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, header;
  append(header, static_cast<std::uint32_t>(width), 4);
  append(header, static_cast<std::uint32_t>(height), 4);
  for (const int value : {kind.depth, kind.colour, 0, 0, int{kind.interlaced}})
    header.push_back(static_cast<std::uint8_t>(value));
  append_chunk(png, "IHDR", header);
  if (!palette.empty()) append_chunk(png, "PLTE", palette);
  if (!transparency.empty()) append_chunk(png, "tRNS", transparency);
  uLongf size = compressBound(raw.size());
  Bytes packed(size);
  REQUIRE(compress2(packed.data(), &size, raw.data(), raw.size(), 1) == Z_OK);
  packed.resize(size);
  append_chunk(png, "IDAT", packed);
  append_chunk(png, "IEND", {});
  return png;
}

/// A grey picture of 8 bits with the compressed pixels given, and a chunk before and one behind them.
Bytes grey_png(const Bytes& pixels, std::string_view before, const Bytes& body = {},
               std::string_view behind = "teSt", std::uint8_t width = 3, std::uint8_t height = 1) {
  Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  append_chunk(png, "IHDR", {0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 0});
  append_chunk(png, before, body);
  append_chunk(png, "IDAT", pixels);
  append_chunk(png, behind, {});
  append_chunk(png, "IEND", {});
  return png;
}

/// A row's bytes behind a filter's number, filtered against the row above.
void append_filtered(Bytes& raw, int filter, const Bytes& row, const Bytes& up, std::size_t step) {
  raw.push_back(static_cast<std::uint8_t>(filter));
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int a = i < step ? 0 : row[i - step], b = up[i], c = i < step ? 0 : up[i - step];
    const int p = a + b - c;
    int nearest = a;
    if (std::abs(p - b) < std::abs(p - nearest)) nearest = b;
    if (std::abs(p - c) < std::abs(p - nearest)) nearest = c;
    raw.push_back(static_cast<std::uint8_t>(row[i] - std::array{0, a, b, (a + b) / 2, nearest}[filter]));
  }
}

/// A picture of the kind with random samples, and the RGB that they mean.
void check_kind(const Kind& kind, int width, int height) {
  CAPTURE(kind.colour);
  CAPTURE(kind.depth);
  CAPTURE(kind.interlaced);
  CAPTURE(kind.transparent);
  CAPTURE(width);
  const std::size_t each = static_cast<std::size_t>(kind.samples()), count = each * width * height;
  const int largest = (1 << kind.depth) - 1;
  const Tensor random = random_tensor({static_cast<std::int64_t>(count) + 1024}, "png", 0, 1);
  std::vector<int> samples(count);
  for (std::size_t i = 0; i < count; ++i)
    samples[i] = std::min(static_cast<int>(random.values()[i] * static_cast<float>(largest + 1)), largest);
  Bytes palette, transparency;
  if (kind.colour == 3) {
    for (int i = 0; i < 3 * (largest + 1); ++i)
      palette.push_back(static_cast<std::uint8_t>(random.values()[count + i] * 255));
    if (kind.transparent) transparency = {0};
  } else if (kind.transparent) {  // the first pixel's colour
    for (std::size_t c = 0; c < each; ++c) append(transparency, static_cast<std::uint32_t>(samples[c]), 2);
  }

  Bytes raw;
  const auto append_pass = [&](int x0, int y0, int dx, int dy) {
    if (x0 >= width) return;
    const std::size_t columns = (width - x0 + dx - 1) / dx, bits = each * kind.depth;
    Bytes up((columns * bits + 7) / 8, 0);
    for (int y = y0; y < height; y += dy) {
      Bytes row(up.size(), 0);
      for (std::size_t i = 0; i < columns * each; ++i) {
        const int sample =
            samples[(static_cast<std::size_t>(y) * width + x0 + i / each * dx) * each + i % each];
        for (int bit = 0; bit < kind.depth; ++bit)
          if (sample >> (kind.depth - 1 - bit) & 1)
            row[(i * kind.depth + bit) / 8] |= static_cast<std::uint8_t>(0x80 >> (i * kind.depth + bit) % 8);
      }
      append_filtered(raw, static_cast<int>(raw.size() % 5), row, up, std::max<std::size_t>(bits / 8, 1));
      up = row;
    }
  };
  if (kind.interlaced)
    for (const auto& [x, y, dx, dy] : {std::array{0, 0, 8, 8},
                                       {4, 0, 8, 8},
                                       {0, 4, 4, 8},
                                       {2, 0, 4, 4},
                                       {0, 2, 2, 4},
                                       {1, 0, 2, 2},
                                       {0, 1, 1, 2}})
      append_pass(x, y, dx, dy);
  else
    append_pass(0, 0, 1, 1);

  const Image image = decode_image(png_of(kind, width, height, raw, palette, transparency), "a.png");
  Bytes expected;
  for (std::size_t i = 0; i < count; i += each)
    for (std::size_t c = 0; c < 3; ++c) {
      const int sample = samples[i + (each >= 3 ? c : 0)];
      expected.push_back(kind.colour == 3 ? palette[3 * static_cast<std::size_t>(sample) + c]
                                          : static_cast<std::uint8_t>(
                                                kind.depth == 16 ? sample >> 8 : sample * 255 / largest));
    }
  CHECK(image.rgb == expected);
  CHECK(image.provenance.alpha_dropped == (kind.transparent || each % 2 == 0));
  if (kind.transparent && kind.colour != 3)
    CHECK(image.provenance.notes.at(0).starts_with("transparency is dropped: "));
}

}  // namespace

TEST_CASE("png: every colour type and depth, plain and interlaced, under every filter") {
  for (const auto& [colour, depths] : {std::pair{0, std::vector{1, 2, 4, 8, 16}},
                                       {2, {8, 16}},
                                       {3, {1, 2, 4, 8}},
                                       {4, {8, 16}},
                                       {6, {8, 16}}})
    for (const int depth : depths)
      for (const bool interlaced : {false, true})
        for (const bool transparent : {false, true}) {
          if (transparent && colour > 3) continue;
          for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {13, 11}, {40, 9}, {2, 17}})
            check_kind({colour, depth, interlaced, transparent}, width, height);
        }
}

TEST_CASE("png: impossible headers, filters and missing palettes are refused") {
  const auto refused = [](const Kind& kind, const Bytes& raw, const char* why) {
    CHECK_THROWS_WITH_AS(decode_image(png_of(kind, 1, 1, raw, {}, {}), "a.png"), doctest::Contains(why),
                         Error);
  };
  refused({2, 4, false, false}, {0, 0, 0}, "before the PNG's pixels is broken (Invalid IHDR data)");
  refused({3, 16, false, false}, {0, 0, 0}, "Invalid IHDR data");
  refused({0, 3, false, false}, {0, 0}, "Invalid IHDR data");
  refused({1, 8, false, false}, {0, 0}, "Invalid IHDR data");
  refused({0, 8, false, false}, {5, 0},
          "the PNG's pixels end early or are broken (bad adaptive filter value)");
  refused({3, 8, false, false}, {0, 0}, "Missing PLTE before IDAT");
}

TEST_CASE("png: what is broken in the stream of pixels is refused and what follows it is told") {
  const Bytes pixels = {0x78, 1, 1, 4, 0, 0xFB, 0xFF, 0, 10, 20, 30, 0, 0x68, 0, 0x3D},
              grey = {10, 10, 10, 20, 20, 20, 30, 30, 30};
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    Bytes other = pixels;
    other.at(at) = to;
    return other;
  };
  const auto refused = [](const Bytes& png, const char* why) {
    CHECK_THROWS_WITH_AS(decode_image(png, "a.png"), doctest::Contains(why), Error);
  };
  CHECK(decode_image(grey_png(pixels, "teSt"), "a.png").rgb == grey);
  refused(grey_png(changed(14, 0x3E), "teSt"), "incorrect data check");
  refused(grey_png(Bytes(pixels.begin(), pixels.end() - 1), "teSt"), "end early");
  refused(grey_png(pixels, "TESt"), "unhandled critical chunk");
  refused(grey_png(pixels, "teSt", {}, "TESt"), "what comes after the PNG's pixels is broken");

  Bytes longer = pixels;
  longer.insert(longer.end(), 100, 0);
  const Image image = decode_image(grey_png(longer, "teSt"), "a.png");
  CHECK(image.rgb == grey);
  REQUIRE(image.provenance.warnings.size() == 1);
  CHECK(image.provenance.warnings[0].starts_with(
      "the PNG is damaged after its last row; the pixels are there: "));
  const Image odd = decode_image(grey_png(pixels, "tRNS", {0}), "a.png");
  CHECK(odd.rgb == grey);
  REQUIRE(odd.provenance.warnings.size() == 1);
  CHECK(odd.provenance.warnings[0].starts_with("the PNG is damaged in its header: tRNS"));
}

TEST_CASE("png: pixels whose stream declares a smaller window than it uses are read") {
  Bytes raw(3 * 201, 0);  // rows of 200 pixels; the third repeats the first
  const Tensor random = random_tensor({400}, "window", 0, 255);
  for (std::size_t i = 0; i < 200; ++i) {
    raw[1 + i] = raw[403 + i] = static_cast<std::uint8_t>(random.values()[i]);
    raw[202 + i] = static_cast<std::uint8_t>(random.values()[200 + i]);
  }
  uLongf size = compressBound(raw.size());
  Bytes packed(size);
  REQUIRE(compress2(packed.data(), &size, raw.data(), raw.size(), 9) == Z_OK);
  packed.resize(size);
  REQUIRE(size < 500);
  packed[0] = 0x08;  // 256 bytes
  packed[1] = 0x1D;
  const Image image = decode_image(grey_png(packed, "teSt", {}, "teSt", 200, 3), "a.png");
  CHECK(image.rgb.at(3 * 400) == raw[403]);
  CHECK(image.rgb.back() == raw.back());
}

TEST_CASE("png: other chunks may be of any length and of any content, but their checksums count") {
  const Bytes pixels = {0x78, 1, 1, 4, 0, 0xFB, 0xFF, 0, 10, 20, 30, 0, 0x68, 0, 0x3D};
  for (const char* type : {"teSt", "iCCP", "gAMA", "zTXt", "fdAT"}) {
    Bytes png = grey_png(pixels, type, Bytes(std::size_t{9} << 20, 1));
    CHECK(decode_image(png, "a.png").provenance.warnings.empty());
    png[1000] = 2;
    CHECK_THROWS_WITH_AS(decode_image(png, "a.png"), doctest::Contains("CRC error"), Error);
  }
}

TEST_CASE("png: a file that cannot hold the pixels that it declares is refused before memory is taken") {
  CHECK_THROWS_WITH_AS(decode_image(png_of({0, 1, false, false}, 10000, 10000, {}, {}, {}), "a.png"),
                       doctest::Contains("bytes cannot hold 10000×10000 pixels"), Error);
}

TEST_CASE("png: beside its pixels a picture of 16 bits takes next to no memory, interlaced or not" *
          doctest::skip(test::sanitized())) {
  constexpr int kWidth = 6000, kHeight = 4000;
  constexpr std::size_t kPixels = std::size_t{3} * kWidth * kHeight, kBeside = std::size_t{8} << 20;
  for (const bool interlaced : {false, true}) {
    const Kind kind{2, 16, interlaced, false};
    const std::size_t filters = interlaced ? 15 * kHeight / 8 : kHeight;
    const Bytes file = png_of(kind, kWidth, kHeight, Bytes(2 * kPixels + filters, 0), {}, {});
    const Scarcity scarcity(kPixels + kBeside);
    CHECK(decode_image(file, "large.png").rgb.size() == kPixels);
  }
}
