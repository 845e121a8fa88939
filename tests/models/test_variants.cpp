// Files of networks with other heads, stems and shortcuts than the published ones, against PyTorch:
// tests/golden/make_variants.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/run/run.hpp"
#include "models/model.hpp"
#include "support/compare.hpp"
#include "support/fill_network.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

using Json = nlohmann::ordered_json;

Json variant(const std::string& name) {
  std::ifstream in(BACKLIGHT_SOURCE_DIR "/tests/golden/variants.json");
  REQUIRE(in.is_open());
  return Json::parse(in).at(name);
}

/// The variant's state dict in a file, loaded.
Model loaded(const Json& entries, const LoadOptions& options = {},
             const std::map<std::string, std::string>& metadata = {}) {
  Context context;
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, shape] : entries.items()) {
    tensors.emplace_back(name, Tensor::zeros(Shape(shape.get<std::vector<std::int64_t>>())));
    fill_parameter(tensors.back().second, name, context);
  }
  std::vector<TensorToWrite> list;
  for (const auto& [name, tensor] : tensors) list.push_back({name, &tensor});
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "variant.safetensors", list, metadata);
  Model model = load_model(folder.path() / "variant.safetensors", options);
  CHECK(check_load(Checkpoint::open(folder.path() / "variant.safetensors"), options).assumptions ==
        model.assumptions);
  return model;
}

/// Loads the variant, compares its logits, and returns it.
Model check_variant(const std::string& name, const LoadOptions& options = {}) {
  CAPTURE(name);
  const Json expected = variant(name);
  Model model = loaded(expected["entries"], options);
  CHECK(model.info.name == expected["architecture"].get<std::string>());
  const Shape shape(expected["input"].get<std::vector<std::int64_t>>());
  CHECK(model.info.preprocessing.channels == shape[1]);
  Context context;
  const Run pass(model.network, context, random_tensor(shape, name + ".x", -2, 2));
  const Tensor logits = golden("variants", name);
  CHECK(relative_error(pass.output().clone().reshaped(logits.shape()), logits) <= 2e-5);
  return model;
}

/// Whether one of the sentences has these words.
bool say(const std::vector<std::string>& sentences, const std::string& words) {
  return std::ranges::any_of(sentences,
                             [&](const std::string& each) { return each.find(words) != std::string::npos; });
}

std::vector<std::string> head_nodes(const Network& network, const std::string& module) {
  std::vector<std::string> nodes;
  for (NodeId id = 1; id < network.size(); ++id)
    if (network.node(id).name.starts_with(module + "."))
      nodes.push_back(network.node(id).name + " " + std::string(name_of(network.node(id).kind())));
  return nodes;
}

}  // namespace

TEST_CASE("variants: a head of Linear, ReLU, Dropout, BatchNorm1d and Linear is read by its numbers") {
  const Model model = check_variant("batch_normed_head");
  CHECK(head_nodes(model.network, "linear") ==
        std::vector<std::string>{"linear.0 linear", "linear.1 relu", "linear.2 dropout",
                                 "linear.3 batch_norm1d", "linear.4 linear"});
  CHECK(model.info.classifier == "linear.4");
  CHECK(model.labels.size() == 5);
  CHECK(say(model.assumptions, "linear.1 taken as ReLU, linear.2 as Dropout"));
}

TEST_CASE("variants: the ReLU stands where a number is missing, after a batch norm, too") {
  CHECK(head_nodes(check_variant("norm_before_relu").network, "linear") ==
        std::vector<std::string>{"linear.0 linear", "linear.1 batch_norm1d", "linear.2 relu",
                                 "linear.3 linear"});
}

TEST_CASE("variants: between linear layers with consecutive numbers there is no activation") {
  const Model model = check_variant("linear_after_linear");
  CHECK(head_nodes(model.network, "linear") ==
        std::vector<std::string>{"linear.0 linear", "linear.1 linear"});
  CHECK(model.assumptions.empty());
}

TEST_CASE("variants: a linear layer without bias behind dropout needs no assumption") {
  const Model model = check_variant("without_bias");
  CHECK(model.labels.size() == 3);
  CHECK(model.assumptions.empty());
}

TEST_CASE("variants: named modules of a head are chained by their shapes") {
  const Model model = check_variant("named_head");
  CHECK(head_nodes(model.network, "linear") ==
        std::vector<std::string>{"linear.fc1 linear", "linear.bn batch_norm1d", "linear.relu relu",
                                 "linear.out linear"});
  CHECK(say(model.assumptions, "linear.fc1, linear.bn, ReLU, linear.out"));
}

TEST_CASE("variants: a head of nested modules is read in their order") {
  CHECK(head_nodes(check_variant("nested_head").network, "linear") ==
        std::vector<std::string>{"linear.0.0 linear", "linear.0.1 relu", "linear.1.0 dropout",
                                 "linear.1.1 linear"});
}

TEST_CASE("variants: EfficientNet-Lite with a head of several layers") {
  const Model model = check_variant("lite_head");
  CHECK(model.info.classifier == "_fc.3");
  CHECK(model.labels.size() == 2);
}

TEST_CASE("variants: a whole classifier replaced by one linear layer") {
  const Model model = check_variant("alexnet_one_linear");
  CHECK(model.info.classifier == "classifier");
  CHECK(model.assumptions.empty());
}

TEST_CASE("variants: a VGG whose head reads one place takes pictures of 32×32, and says so") {
  const Model model = check_variant("vgg_for_cifar");
  CHECK(model.info.preprocessing.input_size == 32);
  CHECK(say(model.assumptions, "32×32"));
  CHECK(say(model.assumptions, "classifier.1 taken as ReLU"));
}

TEST_CASE("variants: a ResNet-18 with CIFAR's stem, and what its file does not say") {
  const Model model = check_variant("SmallStem");
  CHECK(model.info.preprocessing == Preprocessing::cifar());
  CHECK(model.labels[3] == "cat");
  CHECK(say(model.assumptions, "3×3 convolution"));
}

TEST_CASE(
    "variants: a CIFAR ResNet with projections, `fc`, and one channel, whose mean and std are the average") {
  const Model model = check_variant("OptionB");
  CHECK(model.info.classifier == "fc");
  CHECK(model.info.preprocessing.mean[0] == doctest::Approx(0.449).epsilon(1e-6));
  CHECK(model.info.preprocessing.std[0] == doctest::Approx(0.226).epsilon(1e-6));
  CHECK(say(model.assumptions, "one channel"));
}

TEST_CASE(
    "variants: timm's own EfficientNet-Lite is read where it is named, and its twin is assumed otherwise") {
  const Model named = check_variant("timm_lite", {.model = "timm_efficientnet_lite0"});
  CHECK(named.assumptions.empty());
  Preprocessing timms = Preprocessing::torchvision(224, 256);
  timms.interpolation = Filter::bicubic;
  CHECK(named.info.preprocessing == timms);

  const Json entries = variant("timm_lite")["entries"];
  const Model stated = loaded(entries, {}, {{"backlight.architecture", "timm_efficientnet_lite0"}});
  CHECK(stated.info.name == "timm_efficientnet_lite0");
  CHECK(stated.assumptions.empty());

  const Model assumed = loaded(entries);
  CHECK(assumed.info.name == "efficientnet_lite0");
  CHECK(assumed.info.preprocessing.mean[0] == 0.5f);
  CHECK(say(assumed.assumptions, "--model timm_efficientnet_lite0"));
}

TEST_CASE("variants: timm's own EfficientNet-Lite with another head and another stem is read as it is") {
  Json entries = variant("timm_lite")["entries"];
  entries["conv_stem.weight"] = {32, 1, 3, 3};
  entries.erase("classifier.bias");
  const Model model = loaded(entries, {.model = "timm_efficientnet_lite0"});
  CHECK(model.info.preprocessing.channels == 1);
  CHECK_FALSE(say(model.assumptions, "tf_"));
}

TEST_CASE("variants: of four channels the fourth is given alpha, which is said") {
  const Model model = check_variant("four_channels_one_output");
  CHECK(say(model.assumptions, "the fourth is given a picture's alpha"));
  Image image(32, 32);
  image.alpha.assign(32 * 32, 51);
  const Tensor x = preprocess(image, model.info.preprocessing).x;
  CHECK(x.shape() == Shape{1, 4, 32, 32});
  CHECK(x.values().back() == 51.0f / 255);
}
