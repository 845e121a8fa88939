// From pictures to inputs on the device against kernels/preprocess/preprocess_cpu.cpp, bit for bit.
#include <doctest/doctest.h>

#include <algorithm>

#include "cuda_device.hpp"
#include "kernels/preprocess/device_preprocess.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "modes.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Image random_picture(int width, int height) {
  Image image(width, height);
  const Tensor random = random_tensor({static_cast<std::int64_t>(image.rgb.size())}, "cuda.picture", 0, 256);
  std::ranges::transform(random.values(), image.rgb.begin(),
                         [](float v) { return static_cast<std::uint8_t>(v); });
  return image;
}

struct Case {
  int width, height;
  Preprocessing how;
  Fit fit;
};

/// Up and down, wide and tall, one pixel, a line, padded with black, both orders of the passes, every fit.
std::vector<Case> cases() {
  const Preprocessing small = Preprocessing::torchvision(16, 20), caffe = Preprocessing::caffe(13, 17),
                      padded = Preprocessing::efficientnet_lite(24, 9);
  Preprocessing cubic = small;
  cubic.interpolation = Filter::bicubic;
  const Preprocessing grey = with_channels(small, 1);
  return {{37, 29, cubic, Fit::crop},
          {90, 16, cubic, Fit::stretch},
          {37, 29, small, Fit::crop},
          {1, 1, small, Fit::crop},
          {1, 50, small, Fit::crop},
          {7, 5, caffe, Fit::crop},
          {30, 97, caffe, Fit::crop},
          {20, 20, small, Fit::crop},
          {41, 13, padded, Fit::crop},
          {13, 40, padded, Fit::crop},
          {16, 90, small, Fit::stretch},
          {53, 47, caffe, Fit::stretch},
          {9, 11, small, Fit::none},
          {37, 29, grey, Fit::crop},
          {16, 90, grey, Fit::stretch},
          {9, 11, grey, Fit::none},
          {13, 40, with_channels(padded, 1), Fit::crop}};
}

bool same_bits(const Tensor& a, std::span<const float> b) {
  return std::ranges::equal(a.values(), b, [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace

TEST_CASE("preprocess: CUDA equals the CPU bit for bit") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    for (const Case& c : cases()) {
      CAPTURE(c.width);
      CAPTURE(c.height);
      Image image = random_picture(c.width, c.height);
      const Fitted expected = preprocess(image, c.how, c.fit);
      DeviceInput input = device_input(context, 1, expected.seen.height, expected.seen.width, c.how.channels);
      const Placement placement = preprocess_on_device(context, image, c.how, c.fit, input, 0);
      std::ranges::fill(image.rgb, std::uint8_t{0});
      CHECK(values_of<std::uint8_t>(context, input.seen) == expected.seen.rgb);
      CHECK(same_bits(context.to_host(input.x), expected.x.values()));
      CHECK(placement.offset_x == expected.placement.offset_x);
      CHECK(placement.scale_y == expected.placement.scale_y);
    }
  });
}

TEST_CASE("preprocess: pictures of any shapes fill a batch") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    const Preprocessing how = Preprocessing::torchvision(16, 20);
    DeviceInput input = device_input(context, 3, 16, 16);
    std::vector<std::uint8_t> seen;
    std::vector<float> x;
    for (const auto& [n, width, height] : {std::array{0, 19, 40}, {1, 33, 21}, {2, 5, 64}}) {
      const Image image = random_picture(width, height);
      preprocess_on_device(context, image, how, Fit::crop, input, n);
      const Fitted expected = preprocess(image, how, Fit::crop);
      seen.insert(seen.end(), expected.seen.rgb.begin(), expected.seen.rgb.end());
      x.insert(x.end(), expected.x.values().begin(), expected.x.values().end());
    }
    CHECK(values_of<std::uint8_t>(context, input.seen) == seen);
    CHECK(same_bits(context.to_host(input.x), x));
  });
}

TEST_CASE("preprocess: a picture taller than a grid of blocks is walked through") {
  const FreshDevice fresh;
  Context context(kCudaDevice, 1);
  const Image image = random_picture(1, 1024 * 8 + 100);
  const Preprocessing how = Preprocessing::torchvision();
  DeviceInput input = device_input(context, 1, image.height, 1);
  preprocess_on_device(context, image, how, Fit::none, input, 0);
  CHECK(values_of<std::uint8_t>(context, input.seen) == image.rgb);
  CHECK(same_bits(context.to_host(input.x), normalise(image, how).values()));
}

TEST_CASE("preprocess: a picture that does not become the input is refused") {
  const FreshDevice fresh;
  Context context(kCudaDevice, 1);
  const Image image = random_picture(9, 11);
  const Preprocessing how = Preprocessing::torchvision(16, 20);
  DeviceInput input = device_input(context, 2, 16, 16);
  CHECK_THROWS_AS(preprocess_on_device(context, image, how, Fit::none, input, 0), Error);
  CHECK_THROWS_AS(preprocess_on_device(context, image, how, Fit::crop, input, 2), Error);
  CHECK_THROWS_AS(preprocess_on_device(context, image, how, Fit::crop, input, -1), Error);
  CHECK_THROWS_WITH_AS(preprocess_on_device(context, image, with_channels(how, 1), Fit::crop, input, 0),
                       doctest::Contains("expected N×1×16×16"), Error);
  CHECK_THROWS_WITH_AS(preprocess_on_device(context, image, with_channels(how, 5), Fit::crop, input, 0),
                       doctest::Contains("the network takes 5 channels"), Error);
  CHECK_THROWS_WITH_AS(preprocess_on_device(context, image, with_channels(how, 4), Fit::crop, input, 0),
                       doctest::Contains("alpha is prepared on the CPU only"), Error);
}

TEST_CASE("preprocess: bytes and operations follow from the passes") {
  PreprocessParams params;
  params.across = {100, 20, 11};
  params.down = {80, 16, 13};
  params.width = params.height = 16;
  CHECK(cuda::preprocess_cost(params) ==
        Cost{3 * (8000 + 2 * 1600 + 256) + 12 * 256, 6 * (1600 * 11 + 320 * 13) + 9 * 256});
  params.channels = 1;
  CHECK(cuda::preprocess_cost(params) ==
        Cost{3 * (8000 + 2 * 1600 + 256) + 4 * 256, 6 * (1600 * 11 + 320 * 13) + 3 * 256});
  params.channels = 3;
  params.vertical_first = true;
  CHECK(cuda::preprocess_cost(params) ==
        Cost{3 * (8000 + 2 * 1600 + 256) + 12 * 256, 6 * (1600 * 13 + 320 * 11) + 9 * 256});
}
