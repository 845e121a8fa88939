#include <doctest/doctest.h>

#include "engine/image/resize.hpp"
#include "image/pictures.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct ResizeCase {
  int width, height, to_width, to_height;
};
constexpr ResizeCase kCases[] = {
    {5, 7, 13, 3},        {13, 127, 31, 17},   {127, 13, 1, 1},  {1, 1, 5, 4},     {1, 500, 7, 3},
    {640, 480, 224, 224}, {100, 75, 341, 256}, {64, 48, 64, 20}, {20, 90, 10, 69}, {20, 90, 10, 70}};

}  // namespace

TEST_CASE("resize: equals Pillow bit for bit") {
  for (const auto& [width, height, to_width, to_height] : kCases) {
    const std::string source = text("resize.", width, "x", height);
    for (const Filter filter : {Filter::bilinear, Filter::bicubic, Filter::lanczos}) {
      const std::string name = text(source, ".", to_width, "x", to_height, ".", name_of(filter));
      CAPTURE(name);
      const Image result = resize(picture(source, width, height), to_width, to_height, filter);
      CHECK(has_checksum(result, name + ".crc"));
      if (result.rgb.size() < 3000) CHECK(compare(result, golden("image", name)).largest == 0);
    }
  }
}

TEST_CASE("resize: a window equals the same part of the whole") {
  const Image source = picture("resize.window", 61, 47);
  for (const auto& [width, height] : {std::pair{29, 90}, {200, 11}, {61, 47}, {60, 20}}) {
    const PixelRect window{width / 3, height / 4, width - 2, height - 1};
    const Image part = resize_window(source, width, height, window);
    CHECK(part.rgb == crop(resize(source, width, height), window).rgb);
  }
}

TEST_CASE("resize: a constant picture stays constant") {
  const Image grey(37, 5, 201);
  const Image large = resize(grey, 300, 2, Filter::bicubic);
  CHECK(std::ranges::all_of(large.rgb, [](int v) { return v == 201; }));
}

TEST_CASE("resize: a part outside the picture is refused") {
  const Image grey(8, 8);
  CHECK_THROWS_AS(resize(grey, 0, 4), Error);
  CHECK_THROWS_AS(resize_window(grey, 8, 8, {0, 0, 9, 8}), Error);
  CHECK_THROWS_AS(resize_window(grey, 8, 8, {-1, 0, 4, 4}), Error);
  CHECK_THROWS_AS(resize_window(grey, 8, 8, {4, 4, 4, 8}), Error);
}
