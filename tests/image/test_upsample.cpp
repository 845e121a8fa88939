#include <doctest/doctest.h>

#include <limits>

#include "image/pictures.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "kernels/upsample/upsample.hpp"
#include "support/compare.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("upsample: each mode equals the program it is known from") {
  struct Case {
    int height, width, to_height, to_width;
  };
  for (const Case& c : {Case{7, 7, 23, 31}, {14, 14, 9, 5}, {1, 1, 3, 2}, {2, 5, 13, 40}, {7, 7, 7, 7}}) {
    const std::string source = text("upsample.", c.height, "x", c.width);
    const Tensor map = random_tensor({c.height, c.width}, source);
    for (const Upsampling mode : {Upsampling::nearest, Upsampling::bilinear,
                                  Upsampling::bilinear_align_corners, Upsampling::bicubic}) {
      const std::string name = text(source, ".", c.to_height, "x", c.to_width, ".", name_of(mode));
      CAPTURE(name);
      const Tensor expected = golden("image", name);
      const Tensor result = upsample(map, c.to_height, c.to_width, mode);
      CHECK(result.shape() == expected.shape());
      CHECK(largest_difference(result, expected) <= 1e-6);
    }
  }
}

TEST_CASE("upsample: takes leading extents of one and refuses what is no finite map") {
  const Tensor map = random_tensor({1, 1, 3, 4}, "upsample.leading");
  CHECK(upsample(map, 6, 8, Upsampling::bilinear).shape() == Shape{6, 8});
  CHECK_THROWS_AS(upsample(random_tensor({2, 3, 4}, "x"), 6, 8, Upsampling::nearest), Error);
  CHECK_THROWS_AS(upsample(Tensor({0, 4}), 6, 8, Upsampling::nearest), Error);
  CHECK_THROWS_AS(upsample(map, 0, 8, Upsampling::nearest), Error);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(upsample(Tensor::from({1, 2}, std::vector<float>{0, nan}), 2, 4, Upsampling::nearest),
                  Error);
}

TEST_CASE("project: without a fit a map stays as it is") {
  const Tensor map = random_tensor({11, 19}, "project.none");
  const Placement placement = preprocess(Image(19, 11), {}, Fit::none).placement;
  CHECK(same_bits(project(map, placement), map));
}

TEST_CASE("project: a stretched map equals its bilinear enlargement") {
  const Tensor map = random_tensor({7, 7}, "project.stretch");
  const Placement placement = preprocess(Image(61, 43), {}, Fit::stretch).placement;
  CHECK(largest_difference(project(map, placement), upsample(map, 43, 61, Upsampling::bilinear)) <= 1e-5);
}

TEST_CASE("project: a peak in the crop comes to lie on the pixel it came from and the rest is zero") {
  Tensor map = Tensor::zeros({224, 224});
  map.values()[100 * 224 + 30] = 1;
  const Tensor placed = project(map, preprocess(Image(512, 256), {}, Fit::crop).placement);
  CHECK(placed.shape() == Shape{256, 512});
  CHECK(placed.values()[(100 + 16) * 512 + 30 + 144] == 1);
  CHECK(std::ranges::count(placed.values(), 0.0f) == 256 * 512 - 1);
}
