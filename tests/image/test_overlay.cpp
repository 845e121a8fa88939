#include <doctest/doctest.h>

#include "engine/image/resize.hpp"
#include "image/pictures.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "kernels/upsample/upsample.hpp"
#include "support/sanitized.hpp"
#include "support/scarcity.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// (v − min) / (1e-7 + max) as pytorch-grad-cam's scale_cam_image has it.
Tensor scaled(Tensor map) {
  const auto values = map.values();
  const float minimum = *std::ranges::min_element(values);
  for (float& v : values) v -= minimum;
  const float maximum = *std::ranges::max_element(values);
  for (float& v : values) v /= 1e-7f + maximum;
  return map;
}

}  // namespace

TEST_CASE("overlay: pytorch-grad-cam's to the level") {
  const Image overlay = overlay_pytorch_grad_cam(picture("overlay.image", 41, 31),
                                                 random_tensor({31, 41}, "overlay.map", 0, 1));
  CHECK(compare(overlay, golden("image", "overlay.pytorch-grad-cam")).largest == 0);
}

TEST_CASE("overlay: torch-cam's to the level") {
  const Image overlay =
      overlay_torch_cam(picture("overlay.image", 41, 31), random_tensor({7, 7}, "overlay.coarse", 0, 1));
  CHECK(compare(overlay, golden("image", "overlay.torch-cam")).largest == 0);
}

TEST_CASE("overlay: captum's figure to one level") {
  Tensor map = random_tensor({31, 41}, "overlay.signed");
  for (float& v : map.values()) v = v * v * v;
  const Image overlay = overlay_captum(picture("overlay.image", 41, 31), map);
  CHECK(compare(overlay, golden("image", "overlay.captum")).largest <= 1);
}

TEST_CASE("overlay: pytorch-grad-cam on a photograph within one level on 99.9 % of samples") {
  const Image source = photograph("chelsea");
  const Tensor coarse = random_tensor({7, 7}, "overlay.photograph", 0, 1);
  const Tensor map =
      scaled(upsample(scaled(coarse.clone()), source.height, source.width, Upsampling::bilinear));
  const Placement placement = preprocess(source, {}, Fit::none).placement;
  const Image overlay = overlay_on_source(source, map, placement, OverlayStyle::pytorch_grad_cam);
  Image samples(23, 15);
  for (int y = 0; y < samples.height; ++y)
    for (int x = 0; x < samples.width; ++x)
      std::copy_n(overlay.at(3 + x * 20, 5 + y * 20), 3, samples.at(x, y));
  CHECK(compare(samples, golden("image", "overlay.photograph")).share_above_one <= 0.001);
}

TEST_CASE("overlay: on a cropped picture the part not seen is dim and grey and the rest is the overlay") {
  const Image source = photograph("coffee");
  const Placement placement = preprocess(source, {}, Fit::crop).placement;
  const PixelRect seen = placement.seen();
  const Tensor map = random_tensor({7, 7}, "overlay.crop", 0, 1);
  for (const OverlayStyle style :
       {OverlayStyle::pytorch_grad_cam, OverlayStyle::torch_cam, OverlayStyle::captum, OverlayStyle::paper}) {
    const Image overlay = overlay_on_source(source, map, placement, style);
    CHECK(overlay.width == source.width);
    CHECK(overlay.height == source.height);
    const std::uint8_t* outside = overlay.at(static_cast<int>(seen.x0) - 1, 200);
    CHECK(outside[0] == outside[1]);
    CHECK(outside[0] <= 102);
  }
  const Image overlay = overlay_on_source(source, map, placement, OverlayStyle::torch_cam);
  CHECK(crop(overlay, seen).rgb == overlay_torch_cam(crop(source, seen), map).rgb);
}

TEST_CASE("overlay: of a large picture takes its result and a few rows of memory" *
          doctest::skip(test::sanitized())) {
  const Image source(3000, 2000, 90);
  const Placement placement = plan_fit(source.width, source.height, {}).placement;
  const Tensor map = random_tensor({224, 224}, "overlay.memory", 0, 1);
  for (const OverlayStyle style :
       {OverlayStyle::pytorch_grad_cam, OverlayStyle::torch_cam, OverlayStyle::captum, OverlayStyle::paper}) {
    const Scarcity scarcity(source.rgb.size() * 3 / 2);
    CHECK(overlay_on_source(source, map, placement, style).width == 3000);
  }
  const Scarcity scarcity(source.rgb.size() * 3 / 2);
  CHECK(heatmap_on_source(map, placement, ColorMap::opencv_jet).width == 3000);
}

TEST_CASE("overlay: a map without evidence gives a picture and no NaN") {
  const Image black(8, 6);
  CHECK(overlay_pytorch_grad_cam(black, Tensor::zeros({6, 8})).at(0, 0)[2] == 255);
  CHECK(overlay_captum(black, Tensor::zeros({6, 8})).at(0, 0)[0] == 126);
}

TEST_CASE("overlay: maps and pictures of unequal sizes are refused") {
  CHECK_THROWS_AS(overlay_pytorch_grad_cam(Image(8, 6), Tensor::zeros({8, 6})), Error);
  CHECK_THROWS_AS(overlay_captum(Image(8, 6), Tensor::zeros({7, 7})), Error);
  CHECK_THROWS_AS(blend(Image(8, 6), Image(6, 8)), Error);
}

TEST_CASE("placing: a saliency picture lies where the network looked and grey surrounds it") {
  const Placement placement = preprocess(Image(512, 256), {}, Fit::crop).placement;
  const Image placed = place_on_source(Image(224, 224, 10), placement);
  CHECK(placed.width == 512);
  CHECK(placed.at(144, 16)[0] == 10);
  CHECK(placed.at(143, 16)[0] == 225);
  CHECK(placed.at(367, 239)[0] == 10);
  CHECK(placed.at(368, 239)[0] == 225);
}

TEST_CASE("drawing: a box has the asked thickness inside its edges") {
  Image image(10, 8);
  draw_box(image, {2, 1, 8, 7}, {255, 0, 0}, 2);
  CHECK(image.at(2, 1)[0] == 255);
  CHECK(image.at(3, 4)[0] == 255);
  CHECK(image.at(4, 4)[0] == 0);
  CHECK(image.at(7, 6)[0] == 255);
  CHECK(image.at(8, 6)[0] == 0);
  CHECK(image.at(1, 1)[0] == 0);
  Image cut(4, 4);
  draw_box(cut, {-5, -5, 50, 50}, {0, 255, 0}, 1);
  CHECK(cut.at(0, 0)[1] == 255);
  CHECK(cut.at(1, 1)[1] == 0);
}
