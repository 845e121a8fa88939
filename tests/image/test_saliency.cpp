#include <doctest/doctest.h>

#include <limits>

#include "image/pictures.hpp"
#include "kernels/saliency/saliency.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Tensor gradient() {
  Tensor g = random_tensor({3, 17, 19}, "saliency");
  for (float& v : g.values()) v = v * v * v;
  return g;
}

}  // namespace

TEST_CASE("saliency: pytorch-grad-cam's deprocess to one level") {
  CHECK(compare(saliency_deprocess(gradient()), golden("image", "saliency.deprocess")).largest <= 1);
}

TEST_CASE("saliency: captum's normalisation and figure") {
  const Tensor g = gradient();
  Tensor sum({17, 19});
  for (std::int64_t i = 0; i < sum.numel(); ++i)
    sum.values()[i] = g.values()[i] + g.values()[i + sum.numel()] + g.values()[i + 2 * sum.numel()];
  CHECK(largest_difference(captum_normalise(sum), golden("image", "saliency.captum-normalised")) <= 1e-6);
  CHECK(compare(saliency_captum(g), golden("image", "saliency.captum")).largest <= 1);
}

TEST_CASE("saliency: joint minimum and maximum over the channels") {
  const Tensor g = Tensor::from({3, 1, 2}, std::vector<float>{-1, 0, 1, 3, 0.5f, -0.5f});
  CHECK(saliency_min_max(g).rgb == std::vector<std::uint8_t>{0, 128, 96, 64, 255, 32});
}

TEST_CASE("saliency: a gradient that is zero everywhere is an even picture") {
  const Tensor zero = Tensor::zeros({1, 3, 2, 2});
  for (const Image& image : {saliency_deprocess(zero), saliency_min_max(zero)})
    CHECK(std::ranges::all_of(image.rgb, [](int v) { return v == 127 || v == 128; }));
  CHECK(std::ranges::all_of(saliency_captum(zero).rgb, [](int v) { return v >= 253; }));
}

TEST_CASE("saliency: a network that takes BGR has its gradient turned round") {
  const Tensor turned =
      to_rgb_order(Tensor::from({3, 1, 1}, std::vector<float>{1, 2, 3}), Preprocessing::caffe());
  CHECK(turned.values()[0] == 3);
  CHECK(turned.values()[1] == 2);
  CHECK(turned.values()[2] == 1);
  CHECK(to_rgb_order(Tensor::from({3, 1, 1}, std::vector<float>{1, 2, 3}), {}).values()[0] == 1);
}

TEST_CASE("saliency: other shapes and NaN are refused") {
  CHECK_THROWS_AS(saliency_deprocess(Tensor::zeros({2, 3, 4, 4})), Error);
  CHECK_THROWS_AS(saliency_min_max(Tensor::zeros({4, 4})), Error);
  Tensor g = Tensor::zeros({3, 4, 4});
  g.values()[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(saliency_captum(g), Error);
}
