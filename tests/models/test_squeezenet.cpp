// A trained SqueezeNet on photographs against PyTorch, captum and pytorch-grad-cam:
// tests/golden/make_squeezenet.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "engine/explain/display.hpp"
#include "engine/explain/explanation.hpp"
#include "models/decided_run.hpp"
#include "models/model.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

namespace fs = std::filesystem;

const fs::path kShared = BACKLIGHT_SHARED_DATA;
const char* const kOwn[] = {"chelsea", "coffee", "astronaut", "cat_and_espresso"};
const char* const kIlsvrc[] = {"00000347", "00004574", "00008334", "00011811", "00014896",
                               "00019281", "00023413", "00026757", "00030143", "00034152",
                               "00036879", "00040908", "00044592"};
/// As the generator samples.
constexpr std::size_t kLogitStep = 8;
constexpr std::int64_t kStep = 14, kTigerCat = 282;

/// The trained network, placed on the device of the tests; nothing where its file is not there.
std::optional<Model> trained(const Context& context) {
  const fs::path path = kShared / "networks/squeezenet1_0_deepcompression_torchvision.pth";
  if (!fs::exists(path)) {
    skip("there is no " + path.filename().string());
    return std::nullopt;
  }
  Model model = load_model(path);
  CHECK(model.info.name == "squeezenet1_0");
  CHECK(model.labels[kTigerCat] == "tiger cat");
  model.network.to(context);
  return model;
}

Tensor squeezenet_input(const Model& model, const fs::path& photograph) {
  return std::move(preprocess(read_image(photograph), model.info.preprocessing).x);
}

Tensor chelsea(const Model& model) {
  return squeezenet_input(model, BACKLIGHT_SOURCE_DIR "/tests/images/chelsea.png");
}

float largest_of(const std::string& name) { return golden("squeezenet", name + ".max").values()[0]; }

void check_scores(const Model& model, Context& context, const fs::path& photograph) {
  CAPTURE(photograph);
  const Run pass(model.network, context, squeezenet_input(model, photograph));
  const Tensor logits = context.to_host(pass.output());
  const std::string name = photograph.stem();
  const auto values = logits.values();
  CHECK(std::ranges::max_element(values) - values.begin() == golden("squeezenet", name + ".top").values()[0]);
  const Tensor expected = golden("squeezenet", name + ".logits");
  double worst = 0;
  for (std::size_t i = 0; i < expected.values().size(); ++i) {
    const double difference = std::abs(double{values[i * kLogitStep]} - double{expected.values()[i]});
    if (!(difference <= worst)) worst = difference;
  }
  MESSAGE(name, ": logits differ by ", worst / largest_of(name), " of the largest");
  CHECK(worst / largest_of(name) <= tolerance_on(context.device(), 2e-5));
}

/// A gradient of 1×3×224×224 at the places that the generator takes.
/// How far they are off, as a share of the gradient's largest magnitude.
double sampled_gradient_error(const Tensor& gradient, const std::string& name) {
  const Tensor dx = gradient.to(DType::f32), samples = golden("squeezenet", name);
  REQUIRE(samples.shape() == Shape{3, 16, 16});
  double worst = 0;
  for (std::int64_t i = 0; i < samples.numel(); ++i) {
    const std::int64_t c = i / 256, row = i / 16 % 16 * kStep, column = i % 16 * kStep;
    const double expected = samples.values()[static_cast<std::size_t>(i)];
    const double found = dx.values()[static_cast<std::size_t>((c * 224 + row) * 224 + column)];
    const double difference = std::abs(found - expected);
    if (!(difference <= worst)) worst = difference;
  }
  return worst / largest_of(name);
}

}  // namespace

TEST_CASE("squeezenet: a trained one says of photographs what PyTorch says" * doctest::test_suite("device")) {
  Context context = test_context(0);
  const auto model = trained(context);
  if (!model) return;
  for (const std::string name : kOwn)
    check_scores(*model, context, BACKLIGHT_SOURCE_DIR "/tests/images/" + name + ".png");
  const fs::path folder = kShared / "boxes/ilsvrc_val_227";
  if (!fs::exists(folder)) return skip("there are no pictures of ImageNet");
  for (const std::string number : kIlsvrc)
    check_scores(*model, context, folder / ("ILSVRC2012_val_" + number + ".JPEG"));
}

TEST_CASE("squeezenet: the gradient, guided backprop and deconvolution on photographs equal captum's" *
          doctest::test_suite("device")) {
  Context context = test_context(0);
  auto model = trained(context);
  if (!model) return;
  // In float32 rounding decides which of two nearly equal values a pooling takes: there it takes the decisions
  // of the reference, which is float64 on the CPU and, for a device, the CPU's float32.
  const bool on_cpu = context.device().kind == Device::Kind::cpu;
  const DType dtype = on_cpu ? DType::f64 : DType::f32;
  if (on_cpu) model->network.to(dtype);
  const auto input = [&](const std::string& photograph) {
    return squeezenet_input(*model, BACKLIGHT_SOURCE_DIR "/tests/images/" + photograph + ".png");
  };
  const auto gradient = [&](const std::string& photograph, std::int64_t target, BackwardRule rule) {
    Explanation explanation(model->network, context, input(photograph).to(dtype), {},
                            /*input_gradient=*/true);
    return context.to_host(explanation.gradient(explanation.target({&target, 1}), rule));
  };
  const auto check = [&](const std::string& photograph, std::int64_t target, const std::string& name,
                         BackwardRule rule) {
    CAPTURE(name);
    if (on_cpu)
      CHECK(sampled_gradient_error(gradient(photograph, target, rule), photograph + "." + name) <= 1e-6);
    const Context host({}, 0);
    DecidedRun reference(std::move(trained(host)->network), input(photograph), Context({}, 0), dtype);
    DecidedRun run(std::move(trained(host)->network), input(photograph), test_context(0), DType::f32);
    run.take_decisions(reference);
    const double error = relative_error(run.gradient(target, rule), reference.gradient(target, rule));
    MESSAGE("squeezenet1_0, ", name, ": differs by ", error, " of the largest");
    CHECK(error <= 1e-4);
  };
  check("chelsea", kTigerCat, "gradient", BackwardRule::standard);
  check("chelsea", kTigerCat, "guided", BackwardRule::guided);
  check("astronaut", 505, "deconvnet", BackwardRule::deconvnet);
  // captum's, too: every positive signal is lost on the way.
  const Tensor lost = gradient("chelsea", kTigerCat, BackwardRule::deconvnet).to(DType::f32);
  CHECK(std::ranges::all_of(lost.values(), [](float v) { return v == 0; }));
}

TEST_CASE("squeezenet: CAM weighs the features by the last convolution's row, as CAM's own code does" *
          doctest::test_suite("device")) {
  Context context = test_context(0);
  const auto model = trained(context);
  if (!model) return;
  const auto head = find_cam_head(model->network);
  REQUIRE(head.has_value());
  CHECK(model->network.node(head->features).name == "features.12.cat");
  CHECK(model->network.node(head->classifier).name == "classifier.1");
  Explanation explanation(model->network, context, chelsea(*model), {head->features}, false);
  const std::int64_t target[] = {kTigerCat};
  const Tensor cam = context.to_host(explanation.cam(target).map);
  const Tensor expected = golden("squeezenet", "chelsea.cam");
  CHECK(relative_error(cam.clone().reshaped(expected.shape()), expected) <= 1e-4);
}

TEST_CASE("squeezenet: Grad-CAM on a photograph is shown as pytorch-grad-cam shows it" *
          doctest::test_suite("device")) {
  Context context = test_context(0);
  const auto model = trained(context);
  if (!model) return;
  const NodeId layer = model->network.find(model->info.default_layers.pytorch_grad_cam);
  Explanation explanation(model->network, context, chelsea(*model), {layer}, false);
  const std::int64_t target[] = {kTigerCat};
  const Tensor map = context.to_host(explanation.grad_cam(layer, explanation.target(target)).map);
  const Tensor shown = display_map(map, Preset::pytorch_grad_cam, 224, 224);
  const Tensor expected = golden("squeezenet", "chelsea.grad_cam.shown");
  REQUIRE(expected.shape() == Shape{16, 16});
  double worst = 0;
  for (std::int64_t i = 0; i < expected.numel(); ++i) {
    const std::int64_t place = i / 16 * kStep * 224 + i % 16 * kStep;
    const double difference = std::abs(double{shown.values()[static_cast<std::size_t>(place)]} -
                                       double{expected.values()[static_cast<std::size_t>(i)]});
    if (!(difference <= worst)) worst = difference;
  }
  CHECK(worst <= 1e-4);
}
