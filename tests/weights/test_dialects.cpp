// State dicts under the names of other code bases.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/made_of_shapes.hpp"
#include "weights/dialects.hpp"
#include "weights/recognise.hpp"

using namespace backlight;
using test::made_of_shapes;
using test::NamedShape;

namespace {

/// What each name becomes.
void check_names(const std::vector<std::pair<std::string, std::string>>& names, Dialect dialect,
                 const std::vector<NamedShape>& beside = {}) {
  std::vector<NamedShape> shapes;
  for (const auto& [from, to] : names) shapes.emplace_back(from, std::vector<std::int64_t>{8, 8, 1, 1});
  shapes.insert(shapes.end(), beside.begin(), beside.end());
  const std::vector<StoredTensor> stored = made_of_shapes(shapes);
  CHECK(dialect_of(stored) == dialect);
  const std::vector<StoredTensor> renamed = with_torchvision_names(stored);
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(renamed[i].name() == names[i].second);
}

/// timm's EfficientNet-Lite0, told by the names and the shapes that decide.
std::vector<NamedShape> timm_lite0() {
  std::vector<NamedShape> shapes = {{"conv_stem.weight", {32, 3, 3, 3}}, {"bn1.weight", {32}}};
  const int repeats[] = {1, 2, 2, 3, 3, 4, 1};
  for (int stage = 0; stage < 7; ++stage)
    for (int block = 0; block < repeats[stage]; ++block) {
      const std::string path = text("blocks.", stage, ".", block, ".");
      for (const char* name : {"conv_pw", "conv_dw"})
        shapes.emplace_back(path + name + ".weight", std::vector<std::int64_t>{32, 1, 3, 3});
      for (const char* name : {"bn1", "bn2"})
        shapes.emplace_back(path + name + ".running_var", std::vector<std::int64_t>{32});
      if (stage == 0) continue;
      shapes.emplace_back(path + "conv_pwl.weight", std::vector<std::int64_t>{32, 32, 1, 1});
      shapes.emplace_back(path + "bn3.running_var", std::vector<std::int64_t>{32});
    }
  shapes.emplace_back("conv_head.weight", std::vector<std::int64_t>{1280, 320, 1, 1});
  shapes.emplace_back("bn2.weight", std::vector<std::int64_t>{1280});
  shapes.emplace_back("classifier.weight", std::vector<std::int64_t>{1000, 1280});
  shapes.emplace_back("classifier.bias", std::vector<std::int64_t>{1000});
  return shapes;
}

bool has(std::span<const StoredTensor> tensors, const std::string& name) {
  return std::ranges::any_of(tensors, [&](const StoredTensor& tensor) { return tensor.name() == name; });
}

}  // namespace

TEST_CASE("dialects: Hugging Face's ResNet has torchvision's names") {
  check_names(
      {{"resnet.embedder.embedder.convolution.weight", "conv1.weight"},
       {"resnet.embedder.embedder.normalization.running_mean", "bn1.running_mean"},
       {"resnet.encoder.stages.0.layers.0.shortcut.convolution.weight", "layer1.0.downsample.0.weight"},
       {"resnet.encoder.stages.0.layers.0.shortcut.normalization.bias", "layer1.0.downsample.1.bias"},
       {"resnet.encoder.stages.2.layers.11.layer.0.convolution.weight", "layer3.11.conv1.weight"},
       {"resnet.encoder.stages.3.layers.1.layer.2.normalization.running_var", "layer4.1.bn3.running_var"},
       {"classifier.1.weight", "fc.weight"},
       {"classifier.1.bias", "fc.bias"},
       {"something.else", "something.else"}},
      Dialect::hugging_face);
}

TEST_CASE("dialects: Hugging Face's names without their prefix are known, too") {
  check_names({{"embedder.embedder.convolution.weight", "conv1.weight"},
               {"encoder.stages.1.layers.0.layer.1.convolution.weight", "layer2.0.conv2.weight"}},
              Dialect::hugging_face);
}

TEST_CASE("dialects: the ResNets of pytorch-cifar100 have torchvision's names") {
  check_names({{"conv1.0.weight", "conv1.weight"},
               {"conv1.1.running_var", "bn1.running_var"},
               {"conv2_x.0.residual_function.0.weight", "layer1.0.conv1.weight"},
               {"conv3_x.1.residual_function.4.bias", "layer2.1.bn2.bias"},
               {"conv5_x.10.residual_function.6.weight", "layer4.10.conv3.weight"},
               {"conv3_x.0.shortcut.0.weight", "layer2.0.shortcut.0.weight"},
               {"fc.weight", "fc.weight"}},
              Dialect::weiaicunzai);
}

TEST_CASE("dialects: numbers that no network has are no part of a dialect's names") {
  check_names({{"resnet.embedder.embedder.convolution.weight", "conv1.weight"},
               {"encoder.stages.2147483647.layers.0.layer.0.convolution.weight",
                "encoder.stages.2147483647.layers.0.layer.0.convolution.weight"},
               {"encoder.stages.0.layers.0.layer.2147483647.convolution.weight",
                "encoder.stages.0.layers.0.layer.2147483647.convolution.weight"}},
              Dialect::hugging_face);
  check_names({{"conv2_x.0.residual_function.0.weight", "layer1.0.conv1.weight"},
               {"conv2_x.x.residual_function.0.weight", "conv2_x.x.residual_function.0.weight"}},
              Dialect::weiaicunzai);
}

TEST_CASE("dialects: timm's EfficientNet-Lite counts its blocks through the stages") {
  const std::vector<StoredTensor> stored = made_of_shapes(timm_lite0());
  CHECK(dialect_of(stored) == Dialect::timm_lite);
  const std::vector<StoredTensor> renamed = with_torchvision_names(stored);
  for (const char* name :
       {"_conv_stem.weight", "_bn0.weight", "_blocks.0._depthwise_conv.weight",
        "_blocks.0._project_conv.weight", "_blocks.0._bn1.running_var", "_blocks.0._bn2.running_var",
        "_blocks.1._expand_conv.weight", "_blocks.2._bn0.running_var", "_blocks.3._depthwise_conv.weight",
        "_blocks.14._project_conv.weight", "_blocks.15._bn2.running_var", "_conv_head.weight", "_bn1.weight",
        "_fc.weight", "_fc.bias"}) {
    CAPTURE(name);
    CHECK(has(renamed, name));
  }
  const Recognition found = recognise(stored);
  CHECK(found.architectures == std::vector<std::string>{"efficientnet_lite0"});
  CHECK(found.num_classes == 1000);
  CHECK(found.description.timm);
  CHECK(found.assumptions.size() == 1);
}

TEST_CASE("dialects: timm's networks with squeeze-and-excitation or other blocks are not EfficientNet-Lite") {
  std::vector<NamedShape> squeezed = timm_lite0();
  squeezed.emplace_back("blocks.0.0.se.conv_reduce.weight", std::vector<std::int64_t>{8, 32, 1, 1});
  CHECK(dialect_of(made_of_shapes(squeezed)) == Dialect::none);
  std::vector<NamedShape> shorter = timm_lite0();
  std::erase_if(shorter, [](const NamedShape& each) { return each.first.starts_with("blocks.5.3."); });
  CHECK(dialect_of(made_of_shapes(shorter)) == Dialect::none);
}
