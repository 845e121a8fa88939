// What the library says of pictures that are none.
#include <doctest/doctest.h>

#include "engine/image/resize.hpp"
#include "engine/image/write.hpp"
#include "image/pictures.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Image of_bytes(int width, int height, std::size_t bytes) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(bytes);
  return image;
}

std::vector<Image> no_pictures() {
  return {Image{},
          of_bytes(4, 4, 47),
          of_bytes(4, 4, 64),
          of_bytes(4, 4, 0),
          of_bytes(0, 4, 0),
          of_bytes(-4, -4, 48),
          of_bytes(1 << 30, 1 << 30, 48)};
}

template <class Call>
void check_refused(Call call) {
  for (const Image& image : no_pictures()) {
    CAPTURE(image.width);
    CAPTURE(image.rgb.size());
    try {
      call(image);
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::bad_input);
      CHECK(std::string(error.what()).find("expected") != std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("pixels: preparing a picture that is none is bad input") {
  for (const Fit fit : {Fit::crop, Fit::stretch, Fit::none})
    check_refused([&](const Image& image) { preprocess(image, {}, fit); });
  check_refused([](const Image& image) { normalise(image, {}); });
  check_refused([](const Image& image) { resize(image, 5, 5); });
  check_refused([](const Image& image) { apply_orientation(image, 6); });
  CHECK_THROWS_AS(plan_fit(0, 5, {}), Error);
}

TEST_CASE("pixels: writing a picture that is none is bad input and leaves no file") {
  const TemporaryFolder folder;
  check_refused([&](const Image& image) { write_png((folder.path() / "a.png").string(), image); });
  check_refused([&](const Image& image) { write_jpeg((folder.path() / "a.jpg").string(), image); });
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("pixels: overlays of pictures that are none are bad input") {
  const Tensor map = Tensor::zeros({4, 4});
  const Placement placement = plan_fit(4, 4, {}).placement;
  const Image good(4, 4);
  check_refused([&](const Image& image) { overlay_pytorch_grad_cam(image, map); });
  check_refused([&](const Image& image) { overlay_torch_cam(image, map); });
  check_refused([&](const Image& image) { overlay_captum(image, map); });
  check_refused([&](const Image& image) { blend(image, good); });
  check_refused([&](const Image& image) { blend(good, image); });
  check_refused([&](const Image& image) { place_on_source(image, placement); });
  check_refused([&](Image image) { draw_box(image, {0, 0, 2, 2}, {0, 0, 0}, 1); });
  for (const OverlayStyle style :
       {OverlayStyle::pytorch_grad_cam, OverlayStyle::torch_cam, OverlayStyle::captum, OverlayStyle::paper})
    check_refused([&](const Image& image) { overlay_on_source(image, map, placement, style); });
}

TEST_CASE("pixels: placements and shares that cannot be are bad input") {
  const Tensor map = Tensor::zeros({4, 4});
  CHECK_THROWS_WITH_AS(overlay_on_source(Image(5, 4), map, plan_fit(4, 4, {}).placement, OverlayStyle::paper),
                       doctest::Contains("5×4"), Error);
  CHECK_THROWS_AS(overlay_on_source(Image(4, 4), {}, plan_fit(4, 4, {}).placement, OverlayStyle::paper),
                  Error);
  CHECK_THROWS_AS(heatmap_on_source(map, {}, ColorMap::paper_jet), Error);
  CHECK_THROWS_AS(place_on_source(Image(4, 4), {}), Error);
  CHECK_THROWS_AS(overlay_pytorch_grad_cam(Image(4, 4), map, 2), Error);
  CHECK_THROWS_AS(blend(Image(4, 4), Image(4, 4), std::nanf("")), Error);
}

TEST_CASE("pixels: four bytes for each pixel are told to be RGBA") {
  CHECK_THROWS_WITH_AS(preprocess(of_bytes(4, 4, 64), {}), doctest::Contains("RGBA"), Error);
}
