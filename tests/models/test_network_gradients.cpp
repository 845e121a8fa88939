// Input gradients through whole networks under the three ReLU rules against PyTorch in float64:
// tests/golden/make_network_gradients.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "models/decided_run.hpp"
#include "models/filled_model.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The class and the rows and columns that the generator takes.
constexpr std::int64_t kTarget = 7, kRowsAndColumns = 16;

/// How far the places that the generator sampled are off, as a share of the gradient's largest magnitude.
double error_of(const Tensor& gradient, const std::string& name) {
  const Tensor dx = gradient.to(DType::f64);
  const Tensor samples = golden("network_gradients", name);
  const double scale = golden("network_gradients", name + ".max").values()[0];
  const std::int64_t height = dx.shape()[2], width = dx.shape()[3];
  const std::int64_t step = std::max<std::int64_t>(1, height / kRowsAndColumns);
  REQUIRE(samples.shape() == Shape{3, (height + step - 1) / step, (width + step - 1) / step});
  double worst = 0;
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t y = 0; y < samples.shape()[1]; ++y)
      for (std::int64_t x = 0; x < samples.shape()[2]; ++x) {
        const double found = dx.data<double>()[(c * height + y * step) * width + x * step];
        const double expected = samples.data<float>()[(c * samples.shape()[1] + y) * samples.shape()[2] + x];
        const double difference = std::abs(found - expected);
        if (!(difference <= worst)) worst = difference;
      }
  return worst / scale;
}

/// On the CPU float64 must agree with PyTorch, and float32 with float64; CUDA's float32 must agree with the
/// CPU's. Where rounding decides whether a ReLU's input is above zero, or which of a pooling window's inputs
/// is the largest, one unit of a late layer moves an untrained network's whole gradient by a percent or two.
/// So both take the same decisions.
void check_gradients(const std::string& name) {
  CAPTURE(name);
  const bool on_cpu = test_device().kind == Device::Kind::cpu;
  Context host({}, 0);
  const Tensor x = filled_input(name, model_info(name).preprocessing.input_size);
  DecidedRun reference(filled_model(name, host), x, Context({}, 0), on_cpu ? DType::f64 : DType::f32);
  DecidedRun run(filled_model(name, host), x, test_context(0), DType::f32);
  run.take_decisions(reference);
  const std::pair<std::string, BackwardRule> rules[] = {{"standard", BackwardRule::standard},
                                                        {"deconvnet", BackwardRule::deconvnet},
                                                        {"guided", BackwardRule::guided}};
  for (const auto& [rule_name, rule] : rules) {
    CAPTURE(rule_name);
    const Tensor expected = reference.gradient(kTarget, rule);
    if (on_cpu) CHECK(error_of(expected, name + "." + rule_name) <= 1e-6);
    const double error = relative_error(run.gradient(kTarget, rule), expected);
    MESSAGE(name, ", ", rule_name, ": the input gradient differs by ", error, " of the largest");
    CHECK(error <= 1e-4);
  }
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
