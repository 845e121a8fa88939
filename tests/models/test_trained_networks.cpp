// Published weights and photographs: what PyTorch says of them, tests/golden/make_trained_networks.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/run/run.hpp"
#include "models/model.hpp"
#include "models/weights_location.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const char* const kPhotographs[] = {"chelsea", "coffee", "astronaut", "cat_and_espresso"};

Tensor input_of(const Model& model, const std::string& photograph) {
  const Image image = read_image(BACKLIGHT_SOURCE_DIR "/tests/images/" + photograph + ".png");
  return std::move(preprocess(image, model.info.preprocessing).x);
}

std::int64_t best(const Tensor& logits) {
  return std::ranges::max_element(logits.values()) - logits.values().begin();
}

void check_logits(Model model) {
  Context context = test_context(0);
  model.network.to(context);
  for (const std::string photograph : kPhotographs) {
    CAPTURE(photograph);
    const Run pass(model.network, context, input_of(model, photograph));
    const Tensor expected = golden("trained_networks", model.info.name + "." + photograph + ".logits");
    const Tensor found = context.to_host(pass.output()).reshaped(expected.shape());
    const double error = relative_error(found, expected);
    MESSAGE(model.info.name, " of ", photograph, ": ", model.labels[static_cast<std::size_t>(best(found))],
            ", logits differ by ", error, " of the largest");
    CHECK(best(found) == best(expected));
    CHECK(error <= tolerance_on(context.device(), 2e-5));
  }
}

/// Weights of the project's shared data; skips where they are not there.
void check_shared(const std::string& name, const std::string& file) {
  const std::filesystem::path path = std::filesystem::path(BACKLIGHT_SHARED_DATA) / "checkpoints" / file;
  if (!std::filesystem::exists(path)) return skip("there is no " + file);
  Model model = load_model(path);
  CHECK(model.info.name == name);
  CHECK(model.labels[3] == "cat");
  check_logits(std::move(model));
}

/// Weights of the user's cache; skips where they were never fetched.
void check_fetched(const std::string& name) {
  const auto path = cached_weights(name);
  if (!path) return skip("run tools/fetch_weights " + name);
  Model model = load_model(*path);
  CHECK(model.info.name == name);
  CHECK(model.labels[967] == "espresso");
  check_logits(std::move(model));
}

}  // namespace

TEST_CASE("trained networks: CIFAR ResNet-20 says what PyTorch says" * doctest::test_suite("device")) {
  check_shared("resnet20_cifar", "resnet20-12fca82f.th");
}
TEST_CASE("trained networks: CIFAR ResNet-32 says what PyTorch says" * doctest::test_suite("device")) {
  check_shared("resnet32_cifar", "resnet32-d509ac18.th");
}
TEST_CASE("trained networks: EfficientNet-Lite0 says what PyTorch says" * doctest::test_suite("device")) {
  check_fetched("efficientnet_lite0");
}
TEST_CASE("trained networks: EfficientNet-Lite1 says what PyTorch says" * doctest::test_suite("device")) {
  check_fetched("efficientnet_lite1");
}
TEST_CASE("trained networks: EfficientNet-Lite2 says what PyTorch says" * doctest::test_suite("device")) {
  check_fetched("efficientnet_lite2");
}

TEST_CASE("trained networks: EfficientNet-Lite0's input gradients under every ReLU rule equal PyTorch's" *
          doctest::test_suite("device")) {
  const auto path = cached_weights("efficientnet_lite0");
  if (!path) return skip("run tools/fetch_weights efficientnet_lite0");
  Context context = test_context(0);
  Model model = load_model(*path);
  model.network.to(context);
  const Network& network = model.network;
  Run pass(network, context, input_of(model, "chelsea"), {.gradients_at = {network.input()}});
  const std::int64_t target[] = {282};
  const Seed seed = one_hot(network.output(), pass.shape(network.output()), target);
  const std::pair<std::string, BackwardRule> rules[] = {{"standard", BackwardRule::standard},
                                                        {"deconvnet", BackwardRule::deconvnet},
                                                        {"guided", BackwardRule::guided}};
  for (const auto& [rule_name, rule] : rules) {
    CAPTURE(rule_name);
    const Gradients gradients = pass.backward(seed, {.rule = rule, .wrt = {network.input()}});
    const Tensor dx = context.to_host(gradients.nodes.at(network.input()));
    const Tensor samples = golden("trained_networks", "efficientnet_lite0." + rule_name);
    const double scale = golden("trained_networks", "efficientnet_lite0." + rule_name + ".max").values()[0];
    REQUIRE(samples.shape() == Shape{3, 16, 16});
    double worst = 0;
    for (std::int64_t i = 0; i < samples.numel(); ++i) {
      const std::int64_t c = i / 256, y = i / 16 % 16 * 14, x = i % 16 * 14;
      const double difference =
          std::abs(double{dx.values()[static_cast<std::size_t>((c * 224 + y) * 224 + x)]} -
                   double{samples.values()[static_cast<std::size_t>(i)]});
      if (!(difference <= worst)) worst = difference;
    }
    MESSAGE("efficientnet_lite0, ", rule_name, ": the input gradient differs by ", worst / scale,
            " of the largest");
    CHECK(worst / scale <= 1e-4);
  }
}
