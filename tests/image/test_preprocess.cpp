#include <doctest/doctest.h>

#include "engine/image/resize.hpp"
#include "image/pictures.hpp"
#include "kernels/preprocess/preprocess.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// x[:, 3::32, 5::32] of a 1×3×S×S tensor.
Tensor sampled(const Tensor& x) {
  std::vector<float> values;
  const std::int64_t height = x.shape()[2], width = x.shape()[3];
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t row = 3; row < height; row += 32)
      for (std::int64_t column = 5; column < width; column += 32)
        values.push_back(x.values()[(c * height + row) * width + column]);
  return Tensor::from({static_cast<std::int64_t>(values.size())}, values);
}

void check_against_torchvision(const Image& image, const Preprocessing& how, const std::string& name) {
  CAPTURE(name);
  const Fitted fitted = preprocess(image, how, Fit::crop);
  CHECK(fitted.x.shape() == Shape{1, 3, how.input_size, how.input_size});
  CHECK(has_checksum(fitted.seen, name + ".crc"));
  CHECK(largest_difference(sampled(fitted.x), golden("image", name + ".x")) <= 1e-6);
}

}  // namespace

TEST_CASE("preprocess: the crop equals torchvision bit for bit on awkward sizes") {
  struct Case {
    int width, height, size, resize;
  };
  for (const Case& c : {Case{300, 200, 224, 256},
                        {200, 301, 225, 256},
                        {99, 50, 227, 256},
                        {40, 33, 32, 32},
                        {50, 70, 48, 31},
                        {1, 5000, 224, 256},
                        {700, 3, 17, 20},
                        {300, 700, 224, 256}}) {
    const std::string source = text("preprocess.", c.width, "x", c.height);
    check_against_torchvision(picture(source, c.width, c.height),
                              Preprocessing::torchvision(c.size, c.resize),
                              text(source, ".", c.size, ".", c.resize));
  }
}

TEST_CASE("preprocess: photographs equal torchvision and Pillow bit for bit") {
  for (const char* name : {"chelsea", "coffee", "astronaut", "cat_and_espresso"}) {
    const Image image = photograph(name);
    Preprocessing how = Preprocessing::torchvision();
    check_against_torchvision(image, how, text("preprocess.", name));
    how.interpolation = Filter::bicubic;
    check_against_torchvision(image, how, text("preprocess.", name, ".bicubic"));
    CHECK(has_checksum(preprocess(image, {}, Fit::stretch).seen, text("stretch.", name, ".crc")));
  }
}

TEST_CASE("preprocess: each family's arithmetic") {
  Image image(1, 1);
  image.rgb = {255, 127, 0};
  const Tensor lite = normalise(image, Preprocessing::efficientnet_lite());
  CHECK(lite.values()[0] == 1.0f);
  CHECK(lite.values()[1] == 0.0f);
  CHECK(lite.values()[2] == -127.0f / 128);
  const Tensor caffe = normalise(image, Preprocessing::caffe());
  CHECK(caffe.values()[0] == -103.939f);
  CHECK(caffe.values()[1] == 127 - 116.779f);
  CHECK(caffe.values()[2] == 255 - 123.68f);
  const Tensor cifar = normalise(image, Preprocessing::cifar());
  CHECK(cifar.values()[0] == (1.0f - 0.485f) / 0.229f);
  CHECK(Preprocessing::cifar().input_size == 32);
}

TEST_CASE("preprocess: without a fit the picture keeps its size and every pixel its place") {
  const Image image = picture("preprocess.none", 19, 11);
  const Fitted fitted = preprocess(image, {}, Fit::none);
  CHECK(fitted.x.shape() == Shape{1, 3, 11, 19});
  CHECK(fitted.seen.rgb == image.rgb);
  CHECK(fitted.placement.to_source({2, 3, 5, 7}) == Box{2, 3, 5, 7});
  CHECK(fitted.placement.seen() == PixelRect{0, 0, 19, 11});
}

TEST_CASE("placement: the crop maps back to the centre of the picture") {
  const Placement crop = preprocess(Image(512, 256), {}, Fit::crop).placement;
  CHECK(crop.to_source({0, 0, 224, 224}) == Box{144, 16, 368, 240});
  CHECK(crop.seen() == PixelRect{144, 16, 368, 240});
  const Placement larger = preprocess(Image(1000, 1024), {}, Fit::crop).placement;
  const Box whole = larger.to_source({0, 0, 224, 224});
  CHECK(whole.x0 == 16 * 1000.0 / 256);
  CHECK(whole.x1 == 240 * 1000.0 / 256);
  CHECK(whole.y0 == 19 * 1024.0 / 262);
}

TEST_CASE("placement: stretching maps the input onto the whole picture") {
  const Placement stretch = preprocess(Image(448, 100), {}, Fit::stretch).placement;
  CHECK(stretch.to_source({0, 0, 224, 224}) == Box{0, 0, 448, 100});
  CHECK(stretch.to_source({56, 112, 112, 224}) == Box{112, 50, 224, 100});
}

TEST_CASE("placement: padding lies outside the picture") {
  const Placement padded = preprocess(Image(20, 20), Preprocessing::torchvision(32, 20), Fit::crop).placement;
  CHECK(padded.to_source({0, 0, 32, 32}) == Box{0, 0, 20, 20});
  CHECK(padded.to_source({6, 6, 7, 7}) == Box{0, 0, 1, 1});
  CHECK(padded.seen() == PixelRect{0, 0, 20, 20});
}

TEST_CASE("placement: an extreme strip still shows a pixel") {
  const Placement strip = preprocess(Image(1, 5000), {}, Fit::crop).placement;
  const PixelRect seen = strip.seen();
  CHECK(seen.width() == 1);
  CHECK(seen.height() >= 1);
  CHECK(seen.y0 >= 2499);
  CHECK(seen.y1 <= 2501);
}

TEST_CASE("preprocess: one channel gets the picture in Pillow's grey, converted before it is resized") {
  Image image(3, 1);
  image.rgb = {255, 0, 0, 0, 255, 0, 12, 34, 56};
  Preprocessing how = with_channels(Preprocessing::efficientnet_lite(), 1);
  // Pillow 13: convert("L") of these three pixels.
  const std::vector<float> expected = {(76.0f - 127) / 128, (150.0f - 127) / 128, (30.0f - 127) / 128};
  CHECK(std::ranges::equal(normalise(image, how).values(), expected));
  const Fitted fitted = preprocess(picture("preprocess.grey", 40, 60), how);
  CHECK(fitted.x.shape() == Shape{1, 1, 224, 224});
  const float seen = fitted.seen.rgb[3 * 777];
  CHECK(fitted.seen.rgb[3 * 777 + 1] == seen);
  CHECK(fitted.x.values()[777] == (seen - 127) / 128);
}

TEST_CASE("preprocess: for one channel mean and std are averaged, once") {
  const Preprocessing grey = with_channels(Preprocessing::torchvision(), 1);
  CHECK(grey.channels == 1);
  CHECK(grey.mean[0] == doctest::Approx(0.449));
  CHECK(grey.std[0] == doctest::Approx(0.226));
  Preprocessing own = grey;
  own.mean[0] = 0.1f;
  CHECK(with_channels(own, 1) == own);
}

TEST_CASE("preprocess: channels that no picture has are refused") {
  CHECK_THROWS_WITH_AS(preprocess(Image(4, 4), with_channels({}, 5)), doctest::Contains("takes 5 channels"),
                       Error);
}

TEST_CASE("preprocess: sizes that are not positive are refused") {
  CHECK_THROWS_AS(preprocess(Image(4, 4), Preprocessing::torchvision(0, 256)), Error);
  CHECK_THROWS_AS(preprocess(Image(4, 4), Preprocessing::torchvision(224, 0)), Error);
}
