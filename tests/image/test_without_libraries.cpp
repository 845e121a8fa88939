#include <doctest/doctest.h>

#include "engine/image/image.hpp"

using namespace backlight;

TEST_CASE("without libraries: WebP and TIFF are refused with the library that a build needs") {
  using namespace std::string_view_literals;
  for (const auto& [magic, message] : {
           std::pair{"RIFF\x10\0\0\0WEBPVP8 "sv,
                     "is a WebP picture, which backlight was built without libwebp ("},
           {"II*\0\x08\0\0\0"sv, "is a TIFF, which backlight was built without libtiff 4.5 ("},
           {"MM\0*\0\0\0\x08"sv, "is a TIFF, which backlight was built without libtiff 4.5 ("},
           {"II+\0\x08\0\0\0"sv, "is a BigTIFF, which backlight was built without libtiff 4.5 ("},
           {"MM\0+\0\x08\0\0"sv, "is a BigTIFF, which backlight was built without libtiff 4.5 ("},
       }) {
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(magic.data()), magic.size());
    try {
      decode_image(bytes, "a.file");
      FAIL("decoded");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::unsupported);
      CHECK(std::string(error.what()).starts_with(text("a.file: ", message)));
      CHECK(std::string(error.what()).ends_with("convert it to PNG or JPEG, or build with that"));
    }
  }
}

TEST_CASE("without libraries: neither is among what is expected") {
  CHECK_THROWS_WITH_AS(decode_image(std::vector<std::uint8_t>(40, 1), "a.file"),
                       doctest::Contains("expected one of PNG, JPEG, BMP, GIF"), Error);
}
