#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "support/made_of_shapes.hpp"
#include "support/skip.hpp"
#include "weights/checkpoint.hpp"
#include "weights/recognise.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::made_of_shapes;
using test::NamedShape;
using test::says;

namespace {

/// Keys and shapes of torchvision's networks, by network.
std::map<std::string, std::vector<NamedShape>> torchvision_keys() {
  return test::shapes_by_network(test::golden_file("torchvision_keys.txt"));
}

void set(std::vector<NamedShape>& shapes, const std::string& name, std::vector<std::int64_t> shape) {
  for (auto& [each, extents] : shapes) {
    if (each == name) extents = shape;
  }
}

void drop(std::vector<NamedShape>& shapes, const std::string& prefix) {
  std::erase_if(shapes, [&](const NamedShape& each) { return each.first.starts_with(prefix); });
}

std::string doubt(const std::vector<NamedShape>& shapes) {
  const Recognition found = recognise(made_of_shapes(shapes));
  CHECK(found.architectures.empty());
  return found.doubt;
}

}  // namespace

TEST_CASE("recognise: torchvision's networks are told apart by their keys") {
  const auto networks = torchvision_keys();
  CHECK(networks.size() == 10);
  for (const auto& [name, shapes] : networks) {
    CAPTURE(name);
    const Recognition found = recognise(made_of_shapes(shapes));
    CHECK(found.architectures == std::vector<std::string>{name});
    CHECK(found.num_classes == 1000);
    CHECK(found.doubt.empty());
  }
}

TEST_CASE("recognise: deeper networks by their number of blocks") {
  auto shapes = torchvision_keys().at("resnet101");
  std::vector<NamedShape> more;
  for (const auto& [name, shape] : shapes) {
    const auto add = [&](const std::string& stage, int first, int last) {
      for (int i = first; i <= last; ++i) {
        if (name.starts_with(stage + "1."))
          more.emplace_back(text(stage, i, name.substr(stage.size() + 1)), shape);
      }
    };
    add("layer2.", 4, 7);
    add("layer3.", 23, 35);
  }
  shapes.insert(shapes.end(), more.begin(), more.end());
  CHECK(recognise(made_of_shapes(shapes)).architectures == std::vector<std::string>{"resnet152"});
  drop(shapes, "layer3.35.");
  CHECK(says(doubt(shapes), "3-8-35-3"));
}

TEST_CASE("recognise: the number of classes is that of the last linear layer") {
  auto shapes = torchvision_keys().at("resnet18");
  set(shapes, "fc.weight", {37, 512});
  CHECK(recognise(made_of_shapes(shapes)).num_classes == 37);
  drop(shapes, "fc.");
  const Recognition headless = recognise(made_of_shapes(shapes));
  CHECK(headless.architectures == std::vector<std::string>{"resnet18"});
  CHECK(says(headless.doubt, "fc"));
}

TEST_CASE("recognise: variants of ResNet that do not fit are refused by name") {
  const auto original = torchvision_keys().at("resnet50");
  auto shapes = original;
  shapes.emplace_back("conv1.0.weight", std::vector<std::int64_t>{32, 3, 3, 3});
  CHECK(says(doubt(shapes), "deep stem"));
  shapes = original;
  set(shapes, "layer2.0.downsample.1.weight", {512, 256, 1, 1});
  CHECK(says(doubt(shapes), "average-pool"));
  shapes = original;
  set(shapes, "layer1.0.conv2.weight", {96, 96, 3, 3});
  CHECK(says(doubt(shapes), "96 channels wide in 1 groups"));
  shapes = original;
  shapes.emplace_back("layer1.0.se.fc1.weight", std::vector<std::int64_t>{16, 256, 1, 1});
  CHECK(says(doubt(shapes), "squeeze-and-excitation"));
  shapes = original;
  set(shapes, "conv1.weight", {64, 3, 5, 5});
  CHECK(says(doubt(shapes), "another stem"));
  shapes = original;
  drop(shapes, "bn1.");
  CHECK(says(doubt(shapes), "PreActResNet"));
}

TEST_CASE("recognise: wide ResNets and ResNeXts by the width and the groups of their blocks") {
  const auto name = [](const std::string& depth, std::vector<std::int64_t> conv2) {
    auto shapes = torchvision_keys().at(depth);
    set(shapes, "layer1.0.conv2.weight", std::move(conv2));
    return recognise(made_of_shapes(shapes)).architectures;
  };
  CHECK(name("resnet50", {128, 128, 3, 3}) == std::vector<std::string>{"wide_resnet50_2"});
  CHECK(name("resnet101", {128, 128, 3, 3}) == std::vector<std::string>{"wide_resnet101_2"});
  CHECK(name("resnet50", {128, 4, 3, 3}) == std::vector<std::string>{"resnext50_32x4d"});
  CHECK(name("resnet101", {256, 8, 3, 3}) == std::vector<std::string>{"resnext101_32x8d"});
  CHECK(name("resnet101", {256, 4, 3, 3}) == std::vector<std::string>{"resnext101_64x4d"});
}

TEST_CASE("recognise: stems of other channels, and CIFAR's, are described") {
  auto shapes = torchvision_keys().at("resnet50");
  set(shapes, "conv1.weight", {64, 1, 7, 7});
  CHECK(recognise(made_of_shapes(shapes)).description.channels == 1);
  set(shapes, "conv1.weight", {64, 4, 3, 3});
  const Recognition small = recognise(made_of_shapes(shapes));
  CHECK(small.description.channels == 4);
  CHECK(small.description.small_stem);
  CHECK(small.assumptions.size() == 1);
}

TEST_CASE("recognise: the original AlexNet by its groups and Caffe's names") {
  std::vector<NamedShape> shapes = {{"conv1.weight", {96, 3, 11, 11}},  {"conv2.weight", {256, 48, 5, 5}},
                                    {"conv3.weight", {384, 256, 3, 3}}, {"conv4.weight", {384, 192, 3, 3}},
                                    {"conv5.weight", {256, 192, 3, 3}}, {"fc8.weight", {205, 4096}}};
  const Recognition found = recognise(made_of_shapes(shapes));
  CHECK(found.architectures == std::vector<std::string>{"alexnet_original"});
  CHECK(found.num_classes == 205);
  shapes[0].first = "features.0.weight";
  CHECK(says(doubt(shapes), "AlexNet of other widths or names"));
  shapes[0] = {"conv1.weight", {96, 3, 11, 11}};
  set(shapes, "conv2.weight", {256, 96, 5, 5});
  CHECK(says(doubt(shapes), "AlexNet of other widths or names"));
}

TEST_CASE("recognise: the order of the tensors in the file does not matter") {
  for (auto [network, shapes] : torchvision_keys()) {
    CAPTURE(network);
    std::ranges::sort(shapes);
    CHECK(recognise(made_of_shapes(shapes)).architectures == std::vector<std::string>{network});
    std::ranges::reverse(shapes);
    CHECK(recognise(made_of_shapes(shapes)).architectures == std::vector<std::string>{network});
  }
}

TEST_CASE("recognise: VGG with timm's or Caffe's keys is VGG") {
  auto shapes = torchvision_keys().at("vgg16_bn");
  for (auto& [name, shape] : shapes) {
    if (name == "classifier.0.weight") name = "classifier.1.weight";
    if (name == "classifier.3.weight") name = "classifier.4.weight";
  }
  CHECK(recognise(made_of_shapes(shapes)).architectures == std::vector<std::string>{"vgg16_bn"});
  for (auto& [name, shape] : shapes) {
    if (name == "classifier.1.weight") name = "pre_logits.fc1.weight", shape = {4096, 512, 7, 7};
    if (name == "classifier.4.weight") name = "pre_logits.fc2.weight", shape = {4096, 4096, 1, 1};
    if (name == "classifier.6.weight") name = "head.fc.weight", shape = {12, 4096};
  }
  const Recognition timm = recognise(made_of_shapes(shapes));
  CHECK(timm.architectures == std::vector<std::string>{"vgg16_bn"});
  CHECK(timm.num_classes == 12);
  drop(shapes, "features.40.");
  CHECK(says(doubt(shapes), "12 convolutions"));
}

TEST_CASE("recognise: EfficientNet-Lite by blocks and head width") {
  const auto lite = [](int blocks, std::int64_t width) {
    std::vector<NamedShape> shapes = {{"_conv_stem.weight", {32, 3, 3, 3}}};
    for (int i = 0; i < blocks; ++i)
      shapes.emplace_back(text("_blocks.", i, "._bn1.weight"), std::vector<std::int64_t>{32});
    shapes.emplace_back("_conv_head.weight", std::vector<std::int64_t>{1280, width, 1, 1});
    shapes.emplace_back("_fc.weight", std::vector<std::int64_t>{1000, 1280});
    return shapes;
  };
  const auto name = [&](int blocks, std::int64_t width) {
    return recognise(made_of_shapes(lite(blocks, width))).architectures;
  };
  CHECK(name(16, 320) == std::vector<std::string>{"efficientnet_lite0"});
  CHECK(name(21, 320) == std::vector<std::string>{"efficientnet_lite1"});
  CHECK(name(21, 352) == std::vector<std::string>{"efficientnet_lite2"});
  CHECK(says(doubt(lite(24, 352)), "24 blocks"));
  auto squeezed = lite(16, 320);
  squeezed.emplace_back("_blocks.0._se_reduce.weight", std::vector<std::int64_t>{8, 32, 1, 1});
  CHECK(says(doubt(squeezed), "squeeze-and-excitation"));
}

TEST_CASE("recognise: CIFAR ResNets by depth, with both kinds of shortcuts") {
  const auto cifar = [](int n) {
    std::vector<NamedShape> shapes = {{"conv1.weight", {16, 3, 3, 3}}};
    for (int stage = 1; stage <= 3; ++stage) {
      for (int i = 0; i < n; ++i) {
        shapes.emplace_back(text("layer", stage, ".", i, ".conv1.weight"),
                            std::vector<std::int64_t>{16, 16, 3, 3});
      }
    }
    shapes.emplace_back("linear.weight", std::vector<std::int64_t>{10, 64});
    return shapes;
  };
  for (const auto& [n, depth] :
       {std::pair(3, 20), std::pair(5, 32), std::pair(7, 44), std::pair(9, 56), std::pair(18, 110)}) {
    const Recognition found = recognise(made_of_shapes(cifar(n)));
    CHECK(found.architectures == std::vector<std::string>{text("resnet", depth, "_cifar")});
    CHECK(found.num_classes == 10);
  }
  CHECK(says(doubt(cifar(4)), "4 blocks"));
  auto projected = cifar(3);
  projected.emplace_back("layer2.0.shortcut.0.weight", std::vector<std::int64_t>{32, 16, 1, 1});
  CHECK(recognise(made_of_shapes(projected)).description.projection == "shortcut");
  CHECK(recognise(made_of_shapes(cifar(3))).description.projection.empty());
}

TEST_CASE("recognise: the architecture that a file states holds, unless its keys are of another one") {
  const Recognition own =
      recognise(made_of_shapes({{"stem.weight", {8, 3, 3, 3}}, {"fc.weight", {10, 64}}, {"fc.bias", {10}}}),
                "backlight_scenes");
  CHECK(own.architectures == std::vector<std::string>{"backlight_scenes"});
  CHECK(own.num_classes == 10);
  const auto resnet = made_of_shapes(torchvision_keys().at("resnet18"));
  CHECK(recognise(resnet, "resnet18").num_classes == 1000);
  const Recognition contradicted = recognise(resnet, "vgg16");
  CHECK(contradicted.architectures == std::vector<std::string>{"vgg16", "resnet18"});
  CHECK(says(contradicted.doubt, "its metadata names vgg16, but its keys are of resnet18"));
}

TEST_CASE("recognise: a head of more modules than any network has is doubted, and none are made up") {
  const auto with_head = [](const std::vector<NamedShape>& head) {
    auto shapes = torchvision_keys().at("resnet18");
    drop(shapes, "fc.");
    shapes.insert(shapes.end(), head.begin(), head.end());
    return recognise(made_of_shapes(shapes));
  };
  CHECK(says(with_head({{"fc.999.weight", {10, 512}}}).doubt, "its head 'fc' has more than 64 modules"));
  CHECK(says(with_head({{"fc.9.9.9.9.9.9.9.9.weight", {10, 512}}}).doubt, "more than 64 modules"));
  for (const char* name : {"fc.2000000000", "fc.99999999999999999999", "fc.-1", "fc.9.9.9.9.9.9.9.9.9"}) {
    CAPTURE(name);
    CHECK(with_head({{text(name, ".weight"), {10, 512}}}).description.head.size() == 1);
  }
  std::vector<NamedShape> many;
  for (int i = 0; i < 20000; ++i) many.push_back({text("fc.part", 20000 - i, ".weight"), {i + 1, i}});
  CHECK(says(with_head(many).doubt, "more than 64 modules"));
  CHECK(says(with_head({{"fc.weight", {512, 512}}, {"fc.1.weight", {10, 512}}}).doubt, "weight of its own"));
}

TEST_CASE("recognise: a head that reads a map of another size than the published one is assumed to average") {
  auto shapes = torchvision_keys().at("alexnet");
  CHECK(recognise(made_of_shapes(shapes)).assumptions.empty());
  set(shapes, "classifier.1.weight", {4096, 256 * 2 * 2});
  const Recognition found = recognise(made_of_shapes(shapes));
  CHECK(found.description.pooled == 2);
  REQUIRE(found.assumptions.size() == 1);
  CHECK(says(found.assumptions[0], "maps of 2×2 where the published network's reads 6×6"));
  for (const std::int64_t features : {std::int64_t{256 * 5}, std::int64_t{256} * 1000 * 1000}) {
    set(shapes, "classifier.1.weight", {4096, features});
    CHECK(says(doubt(shapes), "no square map"));
  }
}

TEST_CASE("recognise: a ResNet without its shortcuts' convolutions misses them by torchvision's names") {
  auto shapes = torchvision_keys().at("resnet18");
  drop(shapes, "layer2.0.downsample");
  CHECK(recognise(made_of_shapes(shapes)).description.projection == "downsample");
}

TEST_CASE("recognise: unknown keys leave a doubt and no name") {
  CHECK(says(doubt({{"w", {3}}}), "none of the networks"));
  CHECK(says(doubt({}), "none of the networks"));
}

TEST_CASE("recognise: the published CIFAR ResNets") {
  const std::filesystem::path folder = std::filesystem::path(BACKLIGHT_SHARED_DATA) / "checkpoints";
  if (!std::filesystem::exists(folder)) return test::skip("the shared data is not here");
  const auto name = [&](const char* file) {
    return recognise(Checkpoint::open(folder / file).tensors()).architectures;
  };
  CHECK(name("resnet20-12fca82f.th") == std::vector<std::string>{"resnet20_cifar"});
  CHECK(name("resnet32-d509ac18.th") == std::vector<std::string>{"resnet32_cifar"});
}
