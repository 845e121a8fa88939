#include <doctest/doctest.h>

#include <limits>

#include "image/pictures.hpp"
#include "kernels/colormap/colormap.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The 256 colours of a table, addressed by values in the middle of each index.
Image table_of(ColorMap map, double levels) {
  Image table(256, 1);
  for (int i = 0; i < 256; ++i)
    std::ranges::copy(color_of(static_cast<float>((i + 0.5) / levels), map), table.at(i, 0));
  return table;
}

Tensor golden_table(const std::string& name) { return golden("image", "colour." + name).clone(); }

}  // namespace

TEST_CASE("colour map: each table equals its program's in every entry") {
  for (const ColorMap map : {ColorMap::opencv_jet, ColorMap::matplotlib_jet, ColorMap::red_white_green}) {
    const std::string name(name_of(map));
    CAPTURE(name);
    Tensor expected = golden_table(name);
    CHECK(expected.shape() == Shape{256, 3});
    const Image table = table_of(map, map == ColorMap::opencv_jet ? 255 : 256);
    CHECK(compare(table, std::move(expected).reshaped({1, 256, 3})).largest == 0);
  }
}

TEST_CASE("colour map: the paper's pieces run blue cyan green yellow red") {
  CHECK(color_of(0.0f, ColorMap::paper_jet) == Rgb{0, 0, 255});
  CHECK(color_of(0.25f, ColorMap::paper_jet) == Rgb{0, 255, 255});
  CHECK(color_of(0.5f, ColorMap::paper_jet) == Rgb{0, 255, 0});
  CHECK(color_of(0.75f, ColorMap::paper_jet) == Rgb{255, 255, 0});
  CHECK(color_of(1.0f, ColorMap::paper_jet) == Rgb{255, 0, 0});
  CHECK(color_of(0.125f, ColorMap::paper_jet) == Rgb{0, 128, 255});
  CHECK(color_of(0.875f, ColorMap::paper_jet) == Rgb{255, 128, 0});
}

TEST_CASE("colour map: values beyond the range are clamped") {
  for (const ColorMap map :
       {ColorMap::opencv_jet, ColorMap::paper_jet, ColorMap::matplotlib_jet, ColorMap::red_white_green}) {
    CHECK(color_of(-3.0f, map) == color_of(0.0f, map));
    CHECK(color_of(7.0f, map) == color_of(1.0f, map));
    CHECK(color_of(std::numeric_limits<float>::quiet_NaN(), map) == color_of(0.0f, map));
  }
}

TEST_CASE("colour map: a map becomes a picture of its size") {
  const Image image = colorize(Tensor::from({1, 2}, std::vector<float>{0, 1}), ColorMap::opencv_jet);
  CHECK(image.width == 2);
  CHECK(image.height == 1);
  CHECK(image.rgb == std::vector<std::uint8_t>{0, 0, 128, 128, 0, 0});
}
