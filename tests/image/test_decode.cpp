#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <iterator>

#include "engine/image/container.hpp"
#include "engine/image/image.hpp"
#include "engine/image/write.hpp"
#include "image/files.hpp"
#include "image/pictures.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

/// The kind and message of the error that decoding throws; fails the test when it does not.
std::pair<ErrorKind, std::string> decoding_error(std::span<const std::uint8_t> bytes) {
  try {
    decode_image(bytes, "odd.file");
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  FAIL("decoded");
  return {ErrorKind::internal, ""};
}

/// Replaces the IHDR's width and height, with a matching checksum.
Bytes with_png_size(Bytes png, std::uint32_t width, std::uint32_t height) {
  for (int i = 0; i < 4; ++i) {
    png[16 + i] = static_cast<std::uint8_t>(width >> (24 - 8 * i));
    png[20 + i] = static_cast<std::uint8_t>(height >> (24 - 8 * i));
  }
  const auto crc = crc32(0, png.data() + 12, 17);
  for (int i = 0; i < 4; ++i) png[29 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  return png;
}

}  // namespace

TEST_CASE("decode: PNG files equal Pillow bit for bit") {
  for (const char* name : {"grey.png", "bit1.png", "palette.png", "palette_transparent.png", "rgba.png",
                           "grey_alpha.png", "one.png", "interlaced.png", "rgb16.png", "grey16.png"}) {
    CAPTURE(std::string(name));
    CHECK(compare(read_image(kGoldenPictures + name), golden("image", text("file.", name))).largest == 0);
  }
}

TEST_CASE("decode: JPEG files equal Pillow bit for bit") {
  for (const char* name : {"plain.jpg", "progressive.jpg", "restart.jpg", "grey.jpg", "rgb.jpg", "one.jpg",
                           "cmyk.jpg", "cmyk_without_adobe.jpg", "ycck.jpg"}) {
    CAPTURE(std::string(name));
    const LevelDifference difference =
        compare(read_image(kGoldenPictures + name), golden("image", text("file.", name)));
    CHECK(difference.largest == 0);
  }
}

TEST_CASE("decode: all eight EXIF orientations are turned upright and recorded") {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const char* extension : {".png", ".jpg"}) {
      const std::string name = text("orientation_", orientation, extension);
      CAPTURE(std::string(name));
      const Image upright = read_image(kGoldenPictures + name);
      CHECK(compare(upright, golden("image", "file." + name)).largest <= (extension[1] == 'p' ? 0 : 1));
      CHECK(upright.provenance.exif_orientation == orientation);
      CHECK(upright.provenance.orientation_applied == (orientation != 1));
      const Image stored = read_image(kGoldenPictures + name, ExifOrientation::ignore);
      CHECK(stored.width == 13);
      CHECK(stored.provenance.exif_orientation == orientation);
      CHECK_FALSE(stored.provenance.orientation_applied);
    }
  }
}

TEST_CASE("decode: what the file held is recorded") {
  const auto provenance = [](const char* name) { return read_image(kGoldenPictures + name).provenance; };
  CHECK(provenance("rgb16.png").bit_depth == 16);
  CHECK(provenance("grey16.png").channels == 1);
  CHECK(provenance("palette.png").palette);
  CHECK_FALSE(provenance("palette.png").alpha_dropped);
  CHECK(provenance("palette_transparent.png").alpha_dropped);
  CHECK(provenance("rgba.png").alpha_dropped);
  CHECK(provenance("rgba.png").format == "PNG");
  CHECK(provenance("cmyk.jpg").channels == 4);
  CHECK(provenance("cmyk.jpg").format == "JPEG");
}

TEST_CASE("decode: a malformed EXIF block means orientation 1") {
  const auto orientation = [](std::initializer_list<int> tiff) {
    return exif_orientation(Bytes(tiff.begin(), tiff.end()));
  };
  CHECK(orientation({'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0}) == 6);
  CHECK(orientation({'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0}) == 8);
  CHECK(orientation({'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0}) == 1);
  CHECK(orientation({'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 4, 0, 1, 0, 0, 0, 6, 0, 0, 0}) == 1);
  CHECK(orientation({'I', 'I', 42, 0, 8, 0, 0, 0, 255, 255, 0x12, 1, 3, 0}) == 1);
  CHECK(orientation({'I', 'I', 42, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0}) == 1);
  CHECK(orientation({'I', 'M', 42, 0, 8, 0, 0, 0}) == 1);
  CHECK(orientation({}) == 1);
}

TEST_CASE("decode: other formats are named and refused with the next step") {
  using namespace std::string_view_literals;
  const std::array<std::pair<std::string_view, std::string_view>, 5> kFormats = {{
      {"\0\0\0\x1c"
       "ftypavif\0\0\0\0"sv,
       "AVIF"},
      {"\0\0\0\x18"
       "ftypheic\0\0\0\0"sv,
       "HEIC"},
      {"\0\0\0\x0CJXL \r\n"sv, "JPEG XL"},
      {"8BPS\0\1"sv, "Photoshop"},
      {"%PDF-1.7"sv, "PDF"},
  }};
  for (const auto& [magic, format] : kFormats) {
    const auto [kind, message] = decoding_error(bytes_of(magic));
    CHECK(kind == ErrorKind::unsupported);
    CHECK(contains(message, "odd.file"));
    CHECK(contains(message, format));
    CHECK(contains(message, "convert it to PNG or JPEG"));
  }
}

TEST_CASE("decode: what is no picture is refused by name") {
  for (const std::string_view content : {"", "x", "hello world, this is a text file"}) {
    const auto [kind, message] = decoding_error(bytes_of(content));
    CHECK(kind == ErrorKind::bad_input);
    CHECK(contains(message, "odd.file"));
  }
  CHECK_THROWS_WITH_AS(read_image("/nonexistent/cat.png"), doctest::Contains("/nonexistent/cat.png"), Error);
  CHECK_THROWS_WITH_AS(read_image("/tmp"), doctest::Contains("is a directory"), Error);
}

TEST_CASE(
    "decode: every truncation of a small file is refused or has a warning, and all pixels above the row that "
    "is told") {
  for (const char* name :
       {"rgba.png", "interlaced.png", "plain.jpg", "progressive.jpg", "cmyk_without_adobe.jpg"}) {
    const Bytes whole = read_bytes(kGoldenPictures + name);
    const Image complete = decode_image(whole, name);
    std::size_t decoded = 0;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      try {
        const Image image = decode_image(std::span(whole).first(length), name);
        ++decoded;
        REQUIRE(!image.provenance.warnings.empty());
        const std::string& warning = image.provenance.warnings.front();
        if (contains(warning, "the JPEG is unfinished")) continue;
        const std::size_t row = warning.find("from row ");
        const int right = row == std::string::npos ? image.height : std::stoi(warning.substr(row + 9));
        const auto pixels = std::size_t{3} * image.width * right;
        CHECK(std::ranges::equal(std::span(image.rgb).first(pixels), std::span(complete.rgb).first(pixels)));
      } catch (const Error& error) {
        CHECK((error.kind() == ErrorKind::bad_input || error.kind() == ErrorKind::unsupported));
      }
    }
    CHECK((decoded > 0) == std::string_view(name).ends_with(".jpg"));
  }
}

TEST_CASE("decode: flipped bytes are refused or decoded and never crash") {
  for (const char* name : {"rgba.png", "palette_transparent.png", "interlaced.png", "orientation_6.png",
                           "plain.jpg", "progressive.jpg", "orientation_6.jpg", "ycck.jpg"}) {
    const Bytes whole = read_bytes(kGoldenPictures + name);
    const std::uint64_t seed = seed_of(name);
    int refused = 0;
    constexpr int kRounds = 2000;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      Bytes broken = whole;
      for (std::uint64_t flip = 0; flip <= round % 3; ++flip) {
        const std::uint64_t bits = random_bits(seed, round * 3 + flip);
        broken[bits % broken.size()] ^= static_cast<std::uint8_t>(1 + (bits >> 32) % 255);
      }
      try {
        const Image image = decode_image(broken, name);
        CHECK(image.rgb.size() == static_cast<std::size_t>(image.width) * image.height * 3);
      } catch (const Error&) {
        ++refused;
      }
    }
    // A PNG's checksums see nearly every change; a JPEG has none.
    CAPTURE(std::string(name));
    CHECK(refused > (std::string_view(name).ends_with(".png") ? kRounds * 9 / 10 : kRounds / 20));
  }
}

TEST_CASE("decode: declared sizes beyond reason are refused before memory is taken") {
  const Bytes png = read_bytes(kGoldenPictures + "rgba.png");
  CHECK(contains(decoding_error(with_png_size(png, 100'000, 100'000)).second, "100000×100000"));
  CHECK(contains(decoding_error(with_png_size(png, 0xC0000000, 0xC0000000)).second, "at most"));
  CHECK(contains(decoding_error(with_png_size(png, 13, 10)).second, "end early"));
  CHECK(contains(decoding_error(with_png_size(png, 13, 8)).second, "more pixels than"));
  CHECK(decoding_error(with_png_size(png, 0, 9)).first == ErrorKind::bad_input);
  Bytes jpeg = read_bytes(kGoldenPictures + "plain.jpg");
  const std::array<std::uint8_t, 4> kFrame = {0xFF, 0xC0, 0, 17};
  const auto frame = std::search(jpeg.begin(), jpeg.end(), kFrame.begin(), kFrame.end());
  REQUIRE(frame != jpeg.end());
  std::fill_n(frame + 5, 4, std::uint8_t{0x30});  // 12336×12336
  CHECK(contains(decoding_error(jpeg).second, "cannot hold 12336×12336"));
}

TEST_CASE("decode: a Huffman table of more than 256 symbols is refused") {
  Bytes jpeg = read_bytes(kGoldenPictures + "plain.jpg");
  Bytes table = {0xFF, 0xC4, 0, 2 + 17 + 44, 0x10};
  table.resize(table.size() + 16 + 44, 255);
  jpeg.insert(jpeg.begin() + 2, table.begin(), table.end());
  CHECK(contains(decoding_error(jpeg).second, "Huffman"));
}

TEST_CASE("decode: a strip of 1×5000 and a picture of 8000×6000 work") {
  for (const auto& [width, height] : {std::pair{1, 5000}, {5000, 1}, {8000, 6000}}) {
    Image image(width, height, 90);
    image.at(width - 1, height - 1)[1] = 200;
    const Image read = decode_image(encode_png(image), "large.png");
    CHECK(read.width == width);
    CHECK(read.rgb == image.rgb);
  }
}

TEST_CASE("decode: Pillow's limit of pixels is where pictures end") {
  CHECK_THROWS_AS(Image(20'000, 10'000), Error);
  CHECK_THROWS_AS(Image(0, 10), Error);
  CHECK_THROWS_AS(Image(10, -1), Error);
}

TEST_CASE("decode: orientations beyond eight are refused") {
  CHECK_THROWS_AS(apply_orientation(Image(2, 2), 0), Error);
  CHECK_THROWS_AS(apply_orientation(Image(2, 2), 9), Error);
}
