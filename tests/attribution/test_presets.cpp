// The presets against the programs they are named after: goldens of tests/golden/make_attribution.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "engine/explain/display.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/model.hpp"
#include "models/registry.hpp"
#include "models/weights_location.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/fill_network.hpp"
#include "support/golden.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr std::int64_t kStep = 9;  // STEP of the generator

Image photograph(const std::string& name) {
  return read_image(std::string(BACKLIGHT_SOURCE_DIR) + "/tests/images/" + name + ".png");
}

/// Every ninth row and column of the last two extents; a leading extent of 1 is dropped.
Tensor thinned(const Tensor& tensor) {
  const int rank = tensor.shape().rank();
  const std::int64_t height = tensor.shape()[rank - 2], width = tensor.shape()[rank - 1];
  const std::int64_t planes = tensor.numel() / (height * width);
  std::vector<float> values;
  for (std::int64_t c = 0; c < planes; ++c)
    for (std::int64_t y = 0; y < height; y += kStep)
      for (std::int64_t x = 0; x < width; x += kStep)
        values.push_back(tensor.values()[static_cast<std::size_t>((c * height + y) * width + x)]);
  const std::int64_t rows = (height + kStep - 1) / kStep, columns = (width + kStep - 1) / kStep;
  return Tensor::from(planes == 1 ? Shape{rows, columns} : Shape{planes, rows, columns}, values);
}

/// The share of samples that differ by more than one level from the committed picture.
double share_beyond_one_level(const Image& ours, const std::string& file) {
  const Image theirs = read_image(std::string(BACKLIGHT_SOURCE_DIR) + "/tests/golden/attribution/" + file);
  REQUIRE(ours.width == theirs.width);
  REQUIRE(ours.height == theirs.height);
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < ours.rgb.size(); i += 3)
    beyond += std::abs(ours.rgb[i] - theirs.rgb[i]) > 1 ||
              std::abs(ours.rgb[i + 1] - theirs.rgb[i + 1]) > 1 ||
              std::abs(ours.rgb[i + 2] - theirs.rgb[i + 2]) > 1;
  return 3.0 * static_cast<double>(beyond) / static_cast<double>(ours.rgb.size());
}

/// A 1×... tensor without its batch extent.
Tensor unbatched(const Tensor& tensor) {
  const auto extents = tensor.shape().extents();
  return tensor.clone().reshaped(Shape(extents.subspan(1)));
}

struct Subject {
  const char* golden;
  const char* photo;
  std::array<const char*, 4> layers;  ///< as the generator has them, in the order of kPresets
};

/// The four Grad-CAMs of one network and photograph; `layers` in the order of kPresets.
void check_grad_cams(const Subject& subject, const Fitted& input, const Preprocessing& how,
                     const Context& context, Explanation& explanation, const std::array<NodeId, 4>& layers) {
  const std::string name = subject.golden;
  const std::vector<std::int64_t> index{
      static_cast<std::int64_t>(golden("attribution", name + ".class").values()[0])};
  const Seed target = explanation.target(index);
  const auto map_of = [&](Preset preset) {
    const NodeId layer = layers[static_cast<std::size_t>(preset)];
    return context.to_host(explanation.grad_cam(layer, target, alpha_reduction(preset)).map);
  };
  CAPTURE(name);

  const Tensor paper = map_of(Preset::paper);
  CHECK(relative_error(paper, golden("attribution", name + ".paper.map")) <= 1e-4);
  CHECK(relative_error(thinned(display_map(paper, Preset::paper, 224, 224)),
                       golden("attribution", name + ".paper.shown")) <= 1e-3);

  const Tensor pgc = map_of(Preset::pytorch_grad_cam);
  CHECK(relative_error(pgc, golden("attribution", name + ".pytorch-grad-cam.map")) <= 1e-4);
  CHECK(relative_error(thinned(display_map(pgc, Preset::pytorch_grad_cam, 224, 224)),
                       golden("attribution", name + ".pytorch-grad-cam.shown")) <= 1e-3);
  // On the picture that the network sees, the overlay is the package's own.
  const Placement whole = preprocess(input.seen, how, Fit::none).placement;
  CHECK(share_beyond_one_level(overlay(input.seen, pgc, whole, Preset::pytorch_grad_cam),
                               name + ".pytorch-grad-cam.png") <= 1e-3);

  CHECK(relative_error(map_of(Preset::captum), golden("attribution", name + ".captum.map")) <= 1e-4);

  const Tensor torch_cam = map_of(Preset::torch_cam);
  const Tensor shown = display_map(torch_cam, Preset::torch_cam, 224, 224);
  CHECK(relative_error(shown, unbatched(golden("attribution", name + ".torch-cam.shown"))) <= 1e-3);
  CHECK(share_beyond_one_level(overlay(input.seen, torch_cam, whole, Preset::torch_cam),
                               name + ".torch-cam.png") <= 1e-3);
}

/// Gradients under the three rules and what is made of them, in float64: in float32 a value near a ReLU's
/// kink falls on either side by rounding. Converts the network.
void check_backprops(Network& network, const std::string& name, const Fitted& input, Explanation& explanation,
                     const std::array<NodeId, 4>& layers, Context& context) {
  const std::vector<std::int64_t> index{
      static_cast<std::int64_t>(golden("attribution", name + ".class").values()[0])};
  const Tensor pgc = explanation.grad_cam(layers[1], explanation.target(index)).map;
  const Tensor captum = explanation.grad_cam(layers[2], explanation.target(index)).map;

  network.to(DType::f64);
  Explanation exact(network, context, input.x.to(DType::f64), {}, true);
  const auto gradient = [&](BackwardRule rule) {
    return exact.gradient(exact.target(index), rule).to(DType::f32);
  };
  CHECK(relative_error(thinned(gradient(BackwardRule::standard)),
                       golden("attribution", name + ".gradient")) <= 1e-5);
  CHECK(relative_error(thinned(gradient(BackwardRule::deconvnet)),
                       golden("attribution", name + ".deconvnet")) <= 1e-5);
  const Tensor guided = gradient(BackwardRule::guided);
  CHECK(relative_error(thinned(guided), golden("attribution", name + ".guided")) <= 1e-5);
  CHECK(relative_error(thinned(guided), golden("attribution", name + ".captum.guided")) <= 1e-5);

  const Tensor product = guided_product(unbatched(guided), pgc, Preset::pytorch_grad_cam);
  CHECK(relative_error(thinned(product), golden("attribution", name + ".pytorch-grad-cam.guided-grad-cam")) <=
        1e-4);
  CHECK(share_beyond_one_level(saliency(product, Preset::pytorch_grad_cam),
                               name + ".pytorch-grad-cam.guided.png") <= 1e-3);
  CHECK(relative_error(thinned(guided_product(unbatched(guided), captum, Preset::captum)),
                       golden("attribution", name + ".captum.guided-grad-cam")) <= 1e-4);
}

void check_network(const std::string& name, const Subject& subject) {
  Context context = test_context(0);
  const Preprocessing& how = model_info(name).preprocessing;
  Network network = build_model(name, 1000);
  fill_network(network, context);
  network.to(context);
  const Fitted input = preprocess(photograph(subject.photo), how);
  std::array<NodeId, 4> layers{};
  std::ranges::transform(subject.layers, layers.begin(),
                         [&](const char* path) { return network.find(path); });
  Explanation explanation(network, context, input.x.clone(), {layers.begin(), layers.end()}, true);
  check_grad_cams(subject, input, how, context, explanation, layers);
  if (context.device().kind == Device::Kind::cpu)  // the only one with float64
    check_backprops(network, name, input, explanation, layers, context);
}

}  // namespace

TEST_CASE("cam: equals grad-cam times the area on resnet18" * doctest::test_suite("device")) {
  Context context = test_context(0);
  Network network = build_model("resnet18", 1000);
  fill_network(network, context);
  network.to(context);
  const NodeId layer = network.find("layer4");
  Explanation explanation(
      network, context, preprocess(photograph("astronaut"), Preprocessing::torchvision()).x, {layer}, false);
  const std::vector<std::int64_t> index{7};
  const Tensor cam = context.to_host(explanation.cam(index).map);
  Tensor grad_cam = context.to_host(explanation.grad_cam(layer, explanation.target(index)).map);
  for (float& v : grad_cam.values()) v *= 49;
  CHECK(cam.shape() == Shape{1, 7, 7});
  CHECK(relative_error(cam, grad_cam) <= tolerance_on(context.device(), 1e-5));
}

TEST_CASE("presets: a map of one value is shown as zero") {
  for (const float value : {0.1f, -3.0f}) {
    Tensor map({5, 3});
    map.fill(value);
    for (const Preset preset : {Preset::paper, Preset::pytorch_grad_cam, Preset::torch_cam})
      for (const float v : display_map(map, preset, 33, 41).values()) CHECK(v == 0);
  }
}

TEST_CASE("presets: alexnet equals the packages" * doctest::test_suite("device")) {
  check_network("alexnet", {"alexnet", "coffee", {"features.11", "features.11", "features.11", "avgpool"}});
}
TEST_CASE("presets: vgg16 equals the packages" * doctest::test_suite("device")) {
  check_network("vgg16", {"vgg16", "chelsea", {"features.29", "features[-1]", "features.29", "avgpool"}});
}
TEST_CASE("presets: resnet18 equals the packages" * doctest::test_suite("device")) {
  check_network("resnet18", {"resnet18", "astronaut", {"layer4", "layer4[-1]", "layer4", "layer4"}});
}
TEST_CASE("presets: resnet50 equals the packages" * doctest::test_suite("device")) {
  check_network("resnet50", {"resnet50", "chelsea", {"layer4", "layer4[-1]", "layer4", "layer4"}});
}

TEST_CASE("presets: efficientnet-lite0 with its published weights equals the packages" *
          doctest::test_suite("device")) {
  const auto weights = cached_weights("efficientnet_lite0");
  if (!weights)
    return skip("EfficientNet-Lite0 is not in the cache; run tools/fetch_weights efficientnet_lite0");
  Context context = test_context(0);
  Model model = load_model(*weights);
  model.network.to(context);
  const NodeId layer = model.network.find("_bn1");
  for (const Subject& subject : {Subject{"efficientnet_lite0.chelsea", "chelsea", {}},
                                 Subject{"efficientnet_lite0.coffee", "coffee", {}}}) {
    const Fitted input = preprocess(photograph(subject.photo), model.info.preprocessing);
    Explanation explanation(model.network, context, input.x.clone(), {layer}, true);
    check_grad_cams(subject, input, model.info.preprocessing, context, explanation,
                    {layer, layer, layer, layer});
    if (context.device().kind != Device::Kind::cpu) continue;  // the only one with float64
    const std::vector<std::int64_t> index{
        static_cast<std::int64_t>(golden("attribution", std::string(subject.golden) + ".class").values()[0])};
    model.network.to(DType::f64);
    Explanation exact(model.network, context, input.x.to(DType::f64), {}, true);
    const Tensor gradient = exact.gradient(exact.target(index), BackwardRule::standard).to(DType::f32);
    model.network.to(DType::f32);
    CHECK(relative_error(thinned(gradient),
                         golden("attribution", std::string(subject.golden) + ".gradient")) <= 1e-5);
  }
}
