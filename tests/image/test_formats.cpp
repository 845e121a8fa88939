#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "engine/image/write.hpp"
#include "image/pictures.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

const std::string kFolder = text(BACKLIGHT_SOURCE_DIR, "/tests/golden/images/");

const std::vector<std::string> kBmpAndGif = {"rgb.bmp",         "palette.bmp", "rgba.bmp",
                                             "grey.gif",        "palette.gif", "interlaced.gif",
                                             "transparent.gif", "animated.gif"};
const std::vector<std::string> kWebp = {"lossy.webp", "lossless.webp", "alpha.webp", "turned.webp",
                                        "animated.webp"};
const std::vector<std::string> kTiff = {
    "rgb.tif",           "lzw.tif",           "deflate.tif", "jpeg.tif",  "grey.tif",
    "bit1.tif",          "palette.tif",       "cmyk.tif",    "pages.tif", "orientation_3.tif",
    "orientation_6.tif", "orientation_8.tif", "grey16.tif",  "grey12.tif"};

Bytes read_bytes(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  REQUIRE(file);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// Whether this build reads what the file is; libwebp and libtiff may not have been there.
bool readable(const std::string& name) {
  try {
    read_image(kFolder + name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unsupported) return false;
    throw;
  }
  return true;
}

void check_against_pillow(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    CAPTURE(name);
    // JPEG within a TIFF is up to libtiff's own libjpeg, CMYK to its arithmetic.
    const int allowed = name == "jpeg.tif" || name == "cmyk.tif" ? 2 : 0;
    CHECK(compare(read_image(kFolder + name), golden("formats", "file." + name)).largest <= allowed);
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
    const Bytes whole = read_bytes(name);
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
        const Image image = decode_image(broken, name);
        CHECK(image.rgb.size() == static_cast<std::size_t>(image.width) * image.height * 3);
      } catch (const Error& error) {
        CHECK(error.kind() != ErrorKind::internal);
      }
    }
  }
}

}  // namespace

TEST_CASE("formats: BMP and GIF equal Pillow bit for bit") { check_against_pillow(kBmpAndGif); }

TEST_CASE("formats: WebP equals Pillow bit for bit") {
  if (!readable("lossy.webp")) return skip("this build has no libwebp");
  check_against_pillow(kWebp);
}

TEST_CASE("formats: TIFF equals Pillow bit for bit") {
  if (!readable("rgb.tif")) return skip("this build has no libtiff");
  check_against_pillow(kTiff);
}

TEST_CASE("formats: what the file held and what is not shown of it are recorded") {
  const auto provenance = [](const char* name) { return read_image(kFolder + name).provenance; };
  CHECK(provenance("rgb.bmp").format == "BMP");
  CHECK(provenance("rgb.bmp").notes.empty());
  CHECK(provenance("palette.gif").format == "GIF");
  CHECK(provenance("palette.gif").palette);
  CHECK(mentions(provenance("animated.gif").notes, "the first of several frames"));
  CHECK(mentions(provenance("transparent.gif").notes, "transparency is dropped"));
  CHECK(provenance("transparent.gif").alpha_dropped);
  CHECK_FALSE(provenance("palette.gif").alpha_dropped);
  if (readable("alpha.webp")) {
    CHECK(mentions(provenance("alpha.webp").notes, "transparency is dropped"));
    CHECK(provenance("turned.webp").exif_orientation == 6);
    CHECK(mentions(provenance("animated.webp").notes, "the first of several frames"));
  }
  if (readable("rgb.tif")) {
    CHECK(provenance("orientation_8.tif").exif_orientation == 8);
    CHECK(provenance("orientation_8.tif").orientation_applied);
    CHECK(mentions(provenance("pages.tif").notes, "the first of several frames"));
    CHECK(mentions(provenance("grey12.tif").notes, "of 16 bits per sample 12 are used"));
    CHECK(provenance("grey16.tif").notes.empty());
  }
}

TEST_CASE("formats: 16 bits that use 12 and transparency are noted") {
  const auto notes = [](const char* name) { return read_image(kFolder + name).provenance.notes; };
  CHECK(compare(read_image(kFolder + "grey12.png"), golden("formats", "file.grey12.png")).largest == 0);
  CHECK(mentions(notes("grey12.png"), "of 16 bits per sample 12 are used"));
  CHECK(notes("grey16.png").empty());
  CHECK(notes("plain.jpg").empty());
  CHECK(mentions(notes("rgba.png"), "of 117 pixels are not opaque"));
  CHECK(mentions(notes("palette_transparent.png"), "pixels are not opaque"));
}

TEST_CASE("formats: the content decides and not the name") {
  CHECK(decode_image(read_bytes("palette.gif"), "photo.jpg").provenance.format == "GIF");
  CHECK(decode_image(read_bytes("rgb.bmp"), "photo.png").provenance.format == "BMP");
}

TEST_CASE("formats: damaged BMP and GIF are refused or decoded and never crash") {
  // What lies behind a GIF's first frame is not needed: its trailer, and all other frames.
  const std::vector<std::string> names(kBmpAndGif.begin(), kBmpAndGif.end() - 1);
  check_damage(names, 2);
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
  Bytes gif = read_bytes("palette.gif");
  std::fill_n(gif.begin() + 6, 4, std::uint8_t{0x30});
  CHECK_THROWS_WITH_AS(decode_image(gif, "a.gif"), doctest::Contains("cannot hold 12336×12336"), Error);
  Bytes bmp = read_bytes("rgb.bmp");
  bmp[19] = 0x7F;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("a.bmp"), Error);
  bmp[21] = 3;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("at most"), Error);
}

TEST_CASE("formats: a BMP with compressed pixels is not supported") {
  Bytes bmp = read_bytes("palette.bmp");
  bmp[30] = 1;
  CHECK_THROWS_WITH_AS(decode_image(bmp, "a.bmp"), doctest::Contains("compressed pixels"), Error);
}
