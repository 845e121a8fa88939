// Logits and inner activations of every network against PyTorch in float64: tests/golden/make_networks.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"
#include "models/filled_model.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Of the largest magnitude.
constexpr double kLogitsTolerance = 2e-5;
/// Untrained EfficientNets amplify rounding until the pooling averages it away; PyTorch's float32 differs as
/// much.
constexpr double kInnerTolerance = 1e-4;
/// As many as the generator samples.
constexpr std::size_t kSamples = 64;

/// max |value − reference| at the sampled places, as a share of the largest magnitude of the whole value.
double sampled_error(const Tensor& value, const std::string& name) {
  const Tensor samples = golden("networks", name);
  const double scale = golden("networks", name + ".max").values()[0];
  const auto count = static_cast<std::size_t>(samples.numel());
  const std::size_t step = std::max<std::size_t>(1, value.values().size() / kSamples);
  double worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double difference = std::abs(double{value.values()[i * step]} - double{samples.values()[i]});
    if (!(difference <= worst)) worst = difference;
  }
  return worst / scale;
}

void check_network(const std::string& name, std::int64_t size, const std::vector<std::string>& inner) {
  CAPTURE(name);
  Context context = test_context(0);
  const Network network = placed(filled_model(name, context), context);
  std::vector<NodeId> keep;
  for (const std::string& path : inner) keep.push_back(network.find(path));
  // The emulated device takes its time: there every optimisation is on at once, here each network is run plainly, too.
  const bool on_cpu = context.device().kind == Device::Kind::cpu;
  const Run pass(network, context, filled_input(name, size),
                 {.keep = keep, .optimise = on_cpu ? Optimisations::none() : Optimisations::all()});
  for (const std::string& path : inner) {
    CAPTURE(path);
    CHECK(sampled_error(context.to_host(pass.value(network.find(path))), name + "." + path) <=
          kInnerTolerance);
  }
  const double error = sampled_error(context.to_host(pass.output()), name + ".logits");
  MESSAGE(name, " at ", size, "x", size, ": logits differ by ", error, " of the largest");
  CHECK(error <= tolerance_on(context.device(), kLogitsTolerance));

  if (!on_cpu) return;
  Programs programs(network);
  const Tensor x = filled_input(name, size);
  const Run optimised(programs.get(context, std::vector<TensorType>{{x.dtype(), x.shape()}}, {}), context,
                      tensors(x.clone()));
  CHECK(sampled_error(context.to_host(optimised.output()), name + ".logits") <=
        tolerance_on(context.device(), kLogitsTolerance));
}

const std::vector<std::string> kVgg = {"features.0", "avgpool", "classifier.3"};
const std::vector<std::string> kResnet = {"conv1", "layer1", "layer2", "layer3", "layer4"};
const std::vector<std::string> kSqueeze = {"features.2", "features.5", "features.12", "classifier.1"};
const std::vector<std::string> kCifar = {"conv1", "layer1", "layer2", "layer3"};
const std::vector<std::string> kLite = {"_conv_stem", "_blocks.1", "_blocks.3", "_blocks.8", "_bn1"};

}  // namespace

TEST_CASE("networks: AlexNet's logits equal PyTorch's" * doctest::test_suite("device")) {
  check_network("alexnet", 224, {"features.0", "features.5", "features.12", "avgpool", "classifier.4"});
}
TEST_CASE("networks: the original AlexNet's logits equal PyTorch's" * doctest::test_suite("device")) {
  check_network("alexnet_original", 227, {"norm1", "pool2", "conv4", "pool5", "fc7"});
}
TEST_CASE("networks: VGG-16's logits at 224 equal PyTorch's" * doctest::test_suite("device")) {
  check_network("vgg16", 224, kVgg);
}
TEST_CASE("networks: the logits of the other VGGs equal PyTorch's" * doctest::test_suite("device")) {
  for (const char* name : {"vgg11", "vgg13", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"})
    check_network(name, 64, kVgg);
}
TEST_CASE("networks: ResNet-18's and -34's logits equal PyTorch's" * doctest::test_suite("device")) {
  check_network("resnet18", 224, kResnet);
  check_network("resnet34", 224, kResnet);
}
TEST_CASE("networks: ResNet-50's logits equal PyTorch's" * doctest::test_suite("device")) {
  check_network("resnet50", 224, kResnet);
}
TEST_CASE("networks: the logits of a ResNeXt and a wide ResNet equal PyTorch's" *
          doctest::test_suite("device")) {
  check_network("resnext50_32x4d", 64, kResnet);
  check_network("wide_resnet50_2", 64, kResnet);
}
TEST_CASE("networks: the logits of the largest ResNeXts and wide ResNet equal PyTorch's" *
          doctest::test_suite("device")) {
  check_network("resnext101_32x8d", 64, kResnet);
  check_network("resnext101_64x4d", 64, kResnet);
  check_network("wide_resnet101_2", 64, kResnet);
}
TEST_CASE("networks: SqueezeNet's logits equal PyTorch's, every pooling rounding up" *
          doctest::test_suite("device")) {
  check_network("squeezenet1_0", 70, kSqueeze);
  check_network("squeezenet1_1", 70, kSqueeze);
}
TEST_CASE("networks: ResNet-101's and -152's logits equal PyTorch's" * doctest::test_suite("device")) {
  check_network("resnet101", 64, kResnet);
  check_network("resnet152", 64, kResnet);
}
TEST_CASE("networks: the CIFAR ResNets' logits equal PyTorch's" * doctest::test_suite("device")) {
  for (const char* name :
       {"resnet20_cifar", "resnet32_cifar", "resnet44_cifar", "resnet56_cifar", "resnet110_cifar"})
    check_network(name, 32, kCifar);
}
TEST_CASE("networks: EfficientNet-Lite's logits equal the reference package's" *
          doctest::test_suite("device")) {
  check_network("efficientnet_lite0", 224, kLite);
  check_network("efficientnet_lite1", 240, kLite);
  check_network("efficientnet_lite2", 260, kLite);
}
