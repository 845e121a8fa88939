// What every front end does with a model and a picture.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "models/pictures.hpp"

using namespace backlight;

namespace {

Model shipped() {
  return load_model(std::filesystem::path(BACKLIGHT_SOURCE_DIR) / "weights/backlight_scenes.safetensors");
}

Image striped(int width, int height) {
  Image image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * 37 % 251);
  return image;
}

}  // namespace

TEST_CASE("pictures: one whose activations no memory holds is refused before it is tried") {
  const Model model = shipped();
  const Fitted fitted = fit_picture(striped(48, 40), model, Fit::none, true);
  CHECK(fitted.x.shape() == Shape{1, 3, 40, 48});
  // Its layers would take some 90 TiB.
  Image large;
  large.width = 1 << 20;
  large.height = 1 << 20;
  CHECK_THROWS_WITH_AS(fit_picture(large, model, Fit::none, true), doctest::Contains("MiB at least"), Error);
}

TEST_CASE("pictures: a gradient comes in the order R G B, and is that of the network's input") {
  Model model = shipped();
  const int side = model.info.preprocessing.input_size;
  const Image image = striped(side, side);
  const auto gradient_of = [&](const Model& asked) {
    Context context;
    Fitted fitted = fit_picture(image, asked, Fit::crop, true);
    Probe probe(asked.network, context, std::move(fitted.x), {}, true);
    const Result result = explain_picture(probe, find_method("gradient"), {{{3}}}, asked.info.preprocessing);
    return std::pair(result.gradient.clone(), probe.gradient(asked.network.input(), {{3}}).clone());
  };
  const auto [rgb, same] = gradient_of(model);
  CHECK(std::ranges::equal(rgb.values(), same.values()));
  model.info.preprocessing.bgr = true;
  const auto [turned, bgr] = gradient_of(model);
  const std::size_t plane = turned.values().size() / 3;
  CHECK(std::ranges::equal(turned.values().first(plane), bgr.values().last(plane)));
  CHECK(std::ranges::equal(turned.values().last(plane), bgr.values().first(plane)));
}

TEST_CASE("pictures: a result that is not finite is refused by the method's name") {
  Model model = shipped();
  for (const NamedParameter& p : model.network.parameters())
    if (p.name == model.info.classifier + ".weight")
      p.tensor->values()[0] = std::numeric_limits<float>::infinity();
  Fitted fitted = fit_picture(striped(32, 32), model, Fit::crop, true);
  Context context;
  Probe probe(model.network, context, std::move(fitted.x), {}, true);
  CHECK_THROWS_WITH_AS(explain_picture(probe, find_method("gradient"), {{{0}}}, model.info.preprocessing),
                       doctest::Contains("the result of gradient"), Error);
}

TEST_CASE("pictures: a method looks at the layer that was chosen, at the head, or nowhere") {
  const Network resnet = build_model("resnet20_cifar", 10), vgg = build_model("vgg11", 10);
  const NodeId chosen = resnet.find("layer2");
  CHECK(find_method("grad-cam").layer_in(resnet, chosen) == chosen);
  CHECK(find_method("guided-grad-cam").layer_in(resnet, chosen) == chosen);
  CHECK(find_method("cam").layer_in(resnet, chosen) == find_cam_head(resnet)->features);
  CHECK_FALSE(find_method("gradient").layer_in(resnet, chosen));
  CHECK_THROWS_WITH_AS(find_method("cam").layer_in(vgg, chosen), doctest::Contains("use grad-cam"), Error);
}

TEST_CASE("pictures: a result is shown by its gradient, else its map, and has a box only with a map") {
  const Image image = striped(8, 8);
  const Placement placement{8, 8, 8, 8};
  Result cam;
  cam.map = ClassMap{Tensor::zeros({1}), Tensor::from({2, 2}, std::vector<float>{0, 0, 0, 1})};
  CHECK(cam.overlay(image, placement, Preset::paper).rgb ==
        overlay(image, cam.map->map, placement, Preset::paper).rgb);
  CHECK(cam.heatmap(placement, Preset::paper).rgb == heatmap(cam.map->map, placement, Preset::paper).rgb);
  REQUIRE(cam.box(placement, Preset::paper));
  CHECK(*cam.box(placement, Preset::paper) == *locate(cam.map->map, placement, Preset::paper));
  Result fine;
  fine.gradient = Tensor::from({3, 1, 2}, std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(fine.heatmap(placement, Preset::paper).rgb == saliency(fine.gradient, Preset::paper).rgb);
  CHECK_FALSE(fine.box(placement, Preset::paper));
}
