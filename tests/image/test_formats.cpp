#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "engine/image/write.hpp"
#include "image/files.hpp"
#include "image/pictures.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const std::vector<std::string> kBmpAndGif = {
    "rgb.bmp",     "palette.bmp",          "rgba.bmp", "rgb555.bmp",  "rgb565.bmp",     "rgb565_v3.bmp",
    "part.gif",    "part_transparent.gif", "grey.gif", "palette.gif", "interlaced.gif", "transparent.gif",
    "animated.gif"};
const std::vector<std::string> kWebp = {"lossy.webp",  "lossless.webp", "alpha.webp",
                                        "turned.webp", "animated.webp", "part.webp"};
const std::vector<std::string> kTiff = {
    "rgb.tif",     "lzw.tif",    "deflate.tif", "jpeg.tif",          "grey.tif",          "bit1.tif",
    "palette.tif", "cmyk.tif",   "pages.tif",   "orientation_3.tif", "orientation_6.tif", "orientation_8.tif",
    "grey16.tif",  "grey12.tif", "tiled.tif",   "alpha16.tif"};

/// Whether this build reads what the file is; libwebp and libtiff may not have been there.
bool readable(const std::string& name) {
  try {
    read_image(kGoldenPictures + name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unsupported) return false;
    throw;
  }
  return true;
}

/// Leaves something where the next function has its variables.
[[gnu::noinline]] void fill_stack() {
  volatile std::uint8_t block[std::size_t{1} << 16];
  for (volatile std::uint8_t& byte : block) byte = 0xAB;
}

void check_against_pillow(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    CAPTURE(name);
    // JPEG within a TIFF is up to libtiff's own libjpeg, CMYK to its arithmetic.
    fill_stack();
    const int allowed = name == "jpeg.tif" || name == "cmyk.tif" ? 2 : 0;
    CHECK(compare(read_image(kGoldenPictures + name), golden("formats", "file." + name)).largest <= allowed);
  }
}

bool mentions(const std::vector<std::string>& texts, std::string_view part) {
  return std::ranges::any_of(texts, [&](const std::string& t) { return t.find(part) != std::string::npos; });
}

/// Every truncation is refused, and flipped bytes are refused or decoded.
void check_damage(const std::vector<std::string>& names, std::size_t harmless_end) {
  constexpr std::uint64_t kRounds = 300;
  for (const std::string& name : names) {
    CAPTURE(name);
    const Bytes whole = read_bytes(kGoldenPictures + name);
    int decoded = 0;
    for (std::size_t length = 0; length + harmless_end < whole.size(); ++length) {
      try {
        decode_image(std::span(whole).first(length), name);
        ++decoded;
      } catch (const Error&) {
      }
    }
    CHECK(decoded == 0);
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      Bytes broken = whole;
      for (std::uint64_t flip = 0; flip <= round % 3; ++flip) {
        const std::uint64_t bits = random_bits(seed_of(name), round * 3 + flip);
        broken[bits % broken.size()] ^= static_cast<std::uint8_t>(1 + (bits >> 32) % 255);
      }
      try {
        const Image image = decode_image(broken, name, ExifOrientation::apply, Alpha::keep);
        const auto pixels = static_cast<std::size_t>(image.width) * image.height;
        CHECK(image.rgb.size() == pixels * 3);
        CHECK((image.alpha.empty() || image.alpha.size() == pixels));
      } catch (const Error& error) {
        CHECK(error.kind() != ErrorKind::internal);
      }
    }
  }
}

}  // namespace

TEST_CASE("formats: BMP and GIF equal Pillow bit for bit") { check_against_pillow(kBmpAndGif); }

TEST_CASE("formats: an index beyond the palette is black, as Pillow has it") {
  check_against_pillow({"short_palette.png", "short_palette.bmp"});
}

TEST_CASE("formats: WebP equals Pillow bit for bit") {
  if (!readable("lossy.webp")) return skip("this build has no libwebp");
  check_against_pillow(kWebp);
}

TEST_CASE("formats: TIFF equals Pillow bit for bit") {
  if (!readable("rgb.tif")) return skip("this build has no libtiff");
  check_against_pillow(kTiff);
}

TEST_CASE("formats: what the file held and what is not shown of it are recorded") {
  const auto provenance = [](const char* name) { return read_image(kGoldenPictures + name).provenance; };
  CHECK(provenance("rgb.bmp").format == "BMP");
  CHECK(provenance("rgb.bmp").notes.empty());
  CHECK(provenance("palette.gif").format == "GIF");
  CHECK(provenance("palette.gif").palette);
  CHECK(mentions(provenance("animated.gif").notes, "the first of several frames"));
  CHECK_FALSE(mentions(provenance("animated.gif").notes, "a part of the picture"));
  CHECK(mentions(provenance("part.gif").notes, "covers a part of the picture"));
  CHECK(mentions(provenance("animated.png").notes, "the first of several frames"));
  CHECK(mentions(provenance("transparent.gif").notes, "transparency is dropped"));
  CHECK(provenance("transparent.gif").alpha_dropped);
  CHECK_FALSE(provenance("palette.gif").alpha_dropped);
  if (readable("alpha.webp")) {
    CHECK(mentions(provenance("alpha.webp").notes, "transparency is dropped"));
    CHECK(provenance("turned.webp").exif_orientation == 6);
    CHECK(mentions(provenance("animated.webp").notes, "the first of several frames"));
    CHECK_FALSE(mentions(provenance("animated.webp").notes, "a part of the picture"));
    CHECK(mentions(provenance("part.webp").notes, "covers a part of the picture"));
  }
  if (readable("rgb.tif")) {
    CHECK(provenance("orientation_8.tif").exif_orientation == 8);
    CHECK(provenance("orientation_8.tif").orientation_applied);
    CHECK(mentions(provenance("pages.tif").notes, "the first of several frames"));
    CHECK(mentions(provenance("grey12.tif").notes, "of 16 bits per sample 12 are used"));
    CHECK(mentions(provenance("alpha16.tif").notes, "of 16 bits per sample 12 are used"));
    CHECK(provenance("grey16.tif").notes.empty());
  }
}

TEST_CASE("formats: 16 bits that use 12 and transparency are noted") {
  const auto notes = [](const char* name) { return read_image(kGoldenPictures + name).provenance.notes; };
  CHECK(compare(read_image(kGoldenPictures + "grey12.png"), golden("formats", "file.grey12.png")).largest ==
        0);
  CHECK(mentions(notes("grey12.png"), "of 16 bits per sample 12 are used"));
  CHECK(notes("grey16.png").empty());
  CHECK(notes("plain.jpg").empty());
  CHECK(mentions(notes("rgba.png"), "of 117 pixels are not opaque"));
  CHECK(mentions(notes("palette_transparent.png"), "pixels are not opaque"));
}

TEST_CASE("formats: the content decides and not the name") {
  CHECK(decode_image(read_bytes(kGoldenPictures + "palette.gif"), "photo.jpg").provenance.format == "GIF");
  CHECK(decode_image(read_bytes(kGoldenPictures + "rgb.bmp"), "photo.png").provenance.format == "BMP");
}

TEST_CASE("formats: a TIFF of signed samples or Lab colours is refused by name") {
  if (!readable("rgb.tif")) return skip("this build has no libtiff");
  CHECK_THROWS_WITH_AS(read_image(kGoldenPictures + "signed16.tif"),
                       doctest::Contains("a TIFF of signed samples"), Error);
  CHECK_THROWS_WITH_AS(read_image(kGoldenPictures + "lab.tif"), doctest::Contains("a TIFF of Lab colours"),
                       Error);
}

TEST_CASE("formats: damage that libtiff reads past is told with its row") {
  if (!readable("rgb.tif")) return skip("this build has no libtiff");
  int changed = 0;
  for (const char* name : {"bit1.tif", "jpeg.tif"}) {
    CAPTURE(std::string(name));
    const Bytes whole = read_bytes(kGoldenPictures + name);
    CHECK(decode_image(whole, name).provenance.warnings.empty());
    for (std::size_t at = 8; at + 1 < whole.size(); ++at) {
      Bytes broken = whole;
      broken[at] = 0;
      broken[at + 1] = 0;
      try {
        const auto warnings = decode_image(broken, name).provenance.warnings;
        if (warnings.empty()) continue;
        ++changed;
        CHECK(mentions(warnings, "the TIFF is damaged from row 0 on (of "));
      } catch (const Error&) {
      }
    }
  }
  CHECK(changed > 10);
}

TEST_CASE("formats: damaged BMP and GIF are refused or decoded and never crash") {
  // What lies behind a GIF's first frame is not needed: its trailer, and all other frames.
  const std::vector<std::string> names(kBmpAndGif.begin(), kBmpAndGif.end() - 1);
  check_damage(names, 2);
  Bytes gif = read_bytes(kGoldenPictures + "palette.gif");
  const auto codes = std::ranges::search(gif, std::string_view("\x2C\0\0\0\0\x23\0\x15\0", 9)).end();
  REQUIRE(codes != gif.end());
  codes[1 + (*codes & 0x80 ? 3 << ((*codes & 7) + 1) : 0)] = 13;
  CHECK_THROWS_WITH_AS(decode_image(gif, "a.gif"), doctest::Contains("its blocks do not fit together"),
                       Error);
}

TEST_CASE("formats: damaged WebP is refused or decoded and never crashes") {
  if (!readable("lossy.webp")) return skip("this build has no libwebp");
  check_damage(kWebp, 0);
}

TEST_CASE("formats: damaged TIFF is refused or decoded and never crashes") {
  if (!readable("rgb.tif")) return skip("this build has no libtiff");
  // Pillow writes the directory last, and what follows the pixels may be a table that is not needed.
  check_damage({"lzw.tif", "jpeg.tif", "palette.tif", "bit1.tif"}, 8);
}

TEST_CASE("formats: sizes beyond reason are refused before memory is taken") {
  Bytes gif = read_bytes(kGoldenPictures + "palette.gif");
  std::fill_n(gif.begin() + 6, 4, std::uint8_t{0x30});
  CHECK_THROWS_WITH_AS(decode_image(gif, "a.gif"), doctest::Contains("cannot hold 12336×12336"), Error);
  Bytes bmp = read_bytes(kGoldenPictures + "rgb.bmp");
  bmp[19] = 0x7F;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("a.bmp"), Error);
  bmp[21] = 3;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("at most"), Error);
  bmp[18] = bmp[19] = bmp[20] = bmp[21] = 0xFF;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("impossible values"), Error);
  bmp[22] = bmp[23] = bmp[24] = bmp[18] = bmp[20] = 0xFF;
  bmp[21] = bmp[25] = 0x7F;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("2147483647×2147483647 pixels, at most"),
                       Error);
  if (!readable("rgb.tif")) return;
  Bytes tiff = read_bytes(kGoldenPictures + "signed16.tif");
  const std::size_t directory = tiff[4] + 256 * tiff[5];
  const auto value = [&](std::size_t entry) {
    return tiff.begin() + static_cast<std::ptrdiff_t>(directory + 10 + 12 * entry);
  };
  value(2)[0] = value(9)[0] = 1;                 // bits, without a sign
  value(0)[3] = value(1)[3] = 0xC0;              // width and height
  std::fill_n(value(7), 4, std::uint8_t{0xFF});  // one strip, of as many rows as there are
  CHECK_THROWS_WITH_AS(decode_image(tiff, "a.tif"),
                       doctest::Contains("3221225485×3221225481 pixels, at most"), Error);
}

TEST_CASE("formats: a BMP with compressed pixels is not supported") {
  Bytes bmp = read_bytes(kGoldenPictures + "palette.bmp");
  bmp[30] = 1;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("compressed pixels"), Error);
}
