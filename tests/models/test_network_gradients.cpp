// Input gradients through whole networks under the three ReLU rules against PyTorch in float64:
// tests/golden/make_network_gradients.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/pass.hpp"
#include "models/filled_model.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The class and the rows and columns that the generator takes.
constexpr std::int64_t kTarget = 7, kRowsAndColumns = 16;

struct Errors {
  double largest = 0;    ///< of the sampled places, as a share of the gradient's largest magnitude
  double euclidean = 0;  ///< of the sampled places, as a share of their norm
};

Errors compare(const Tensor& gradient, const std::string& name) {
  const Tensor dx = gradient.to(DType::f64);
  const Tensor samples = golden("network_gradients", name);
  const double scale = golden("network_gradients", name + ".max").values()[0];
  const std::int64_t height = dx.shape()[2], width = dx.shape()[3];
  const std::int64_t step = std::max<std::int64_t>(1, height / kRowsAndColumns);
  REQUIRE(samples.shape() == Shape{3, (height + step - 1) / step, (width + step - 1) / step});
  double worst = 0, differences = 0, squares = 0;
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t y = 0; y < samples.shape()[1]; ++y)
      for (std::int64_t x = 0; x < samples.shape()[2]; ++x) {
        const double found = dx.data<double>()[(c * height + y * step) * width + x * step];
        const double expected = samples.data<float>()[(c * samples.shape()[1] + y) * samples.shape()[2] + x];
        const double difference = std::abs(found - expected);
        if (!(difference <= worst)) worst = difference;
        differences += difference * difference;
        squares += expected * expected;
      }
  return {worst / scale, std::sqrt(differences / squares)};
}

/// One forward, and from it a backward under each rule; `check` gets the rule's name and the errors.
template <class Check>
void for_every_rule(const std::string& name, DType dtype, const Check& check) {
  CAPTURE(name);
  Context context = dtype == DType::f32 ? test_context(0) : Context();
  Network network = filled_model(name, context);
  network.to(dtype);
  network.to(context);
  Tensor x = filled_input(name, model_info(name).preprocessing.input_size).to(dtype);
  Pass pass(network, context, std::move(x), {.gradients_at = {network.input()}});
  const std::int64_t target[] = {kTarget};
  const Seed seed = one_hot(network.output(), pass.shape(network.output()), target, dtype);
  const std::pair<std::string, ReluRule> rules[] = {
      {"standard", ReluRule::standard}, {"deconvnet", ReluRule::deconvnet}, {"guided", ReluRule::guided}};
  for (const auto& [rule_name, rule] : rules) {
    CAPTURE(rule_name);
    const Gradients gradients = pass.backward(seed, {.rule = rule, .wrt = {network.input()}});
    const Errors errors =
        compare(context.to_host(gradients.nodes.at(network.input())), name + "." + rule_name);
    MESSAGE(name, ", ", rule_name, ": the input gradient differs by ", errors.largest, " of the largest, by ",
            errors.euclidean, " in norm");
    check(errors);
  }
}

/// In float64 the gradients must agree. In float32 they need not: where rounding decides whether a ReLU's
/// input is above zero, or which of a pooling window's inputs is the largest, one unit of a late layer moves
/// an untrained network's whole gradient by a percent or two. PyTorch's own float32 does the same.
void check_gradients(const std::string& name) {
  if (test_device().kind == Device::Kind::cpu)
    for_every_rule(name, DType::f64, [](const Errors& errors) { CHECK(errors.largest <= 1e-6); });
  for_every_rule(name, DType::f32, [](const Errors& errors) { CHECK(errors.euclidean <= 0.1); });
}

}  // namespace

TEST_CASE("network gradients: AlexNet's under every ReLU rule equal PyTorch's" *
          doctest::test_suite("device")) {
  check_gradients("alexnet");
}
TEST_CASE("network gradients: VGG-16's under every ReLU rule equal PyTorch's" *
          doctest::test_suite("device")) {
  check_gradients("vgg16");
}
TEST_CASE("network gradients: ResNet-18's under every ReLU rule equal PyTorch's" *
          doctest::test_suite("device")) {
  check_gradients("resnet18");
}
TEST_CASE("network gradients: ResNet-50's under every ReLU rule equal PyTorch's" *
          doctest::test_suite("device")) {
  check_gradients("resnet50");
}
TEST_CASE("network gradients: a CIFAR ResNet's under every ReLU rule equal PyTorch's" *
          doctest::test_suite("device")) {
  check_gradients("resnet20_cifar");
}
TEST_CASE("network gradients: EfficientNet-Lite0's with ReLU6 under every rule equal PyTorch's" *
          doctest::test_suite("device")) {
  check_gradients("efficientnet_lite0");
}
