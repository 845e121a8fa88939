// Names, shapes and counts of every network against those of PyTorch: tests/golden/make_network_entries.py.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "models/registry.hpp"

using namespace backlight;

namespace {

nlohmann::ordered_json network_entries() {
  std::ifstream in(BACKLIGHT_SOURCE_DIR "/tests/golden/network_entries.json");
  REQUIRE(in.is_open());
  return nlohmann::ordered_json::parse(in);
}

std::int64_t published_classes(const std::string& name) {
  return model_info(name).labels == LabelSet::cifar10 ? 10 : 1000;
}

}  // namespace

TEST_CASE("registry: parameters have PyTorch's names and shapes and number") {
  const auto reference = network_entries();
  for (const auto& [name, expected] : reference.items()) {
    CAPTURE(name);
    const Network network = build_model(name, published_classes(name));
    const auto& entries = expected["entries"];
    std::size_t found = 0;
    for (const ConstNamedParameter& p : network.parameters()) {
      CAPTURE(p.name);
      REQUIRE(entries.contains(p.name));
      CHECK(Shape(entries[p.name].get<std::vector<std::int64_t>>()) == p.tensor->shape());
      ++found;
    }
    CHECK(found == entries.size());
    CHECK(network.parameter_count() == expected["parameters"].get<std::int64_t>());
  }
}

TEST_CASE("registry: nodes stand in the order and under the names that torch.fx gives") {
  int traced = 0;
  const auto reference = network_entries();
  for (const auto& [name, expected] : reference.items()) {
    if (!expected.contains("nodes")) continue;
    CAPTURE(name);
    const Network network = build_model(name, 10);
    std::vector<std::string> nodes;
    for (NodeId id = 1; id < network.size(); ++id) nodes.push_back(network.node(id).name);
    CHECK(nodes == expected["nodes"].get<std::vector<std::string>>());
    ++traced;
  }
  CHECK(traced == 8);
}

TEST_CASE("registry: every network takes its own input size and its smallest") {
  for (const std::string& name : model_names()) {
    CAPTURE(name);
    const ModelInfo& info = model_info(name);
    const Network network = build_model(name, 7);
    for (const std::int64_t size : {info.preprocessing.input_size, info.min_input_size}) {
      CAPTURE(size);
      CHECK(network.shapes({2, 3, size, size}).back() == Shape({2, 7}));
    }
    const std::int64_t too_small = info.min_input_size - 1;
    CHECK_THROWS_AS(network.shapes({1, 3, too_small, too_small}), Error);
    const std::int64_t larger = info.preprocessing.input_size + 64;
    if (!info.any_size)
      CHECK_THROWS_AS(network.shapes({1, 3, larger, larger}), Error);
    else
      CHECK(network.shapes({1, 3, larger, larger + 33}).back() == Shape({1, 7}));
  }
}

TEST_CASE("registry: default layers exist and have a spatial value") {
  for (const std::string& name : model_names()) {
    CAPTURE(name);
    const ModelInfo& info = model_info(name);
    const Network network = build_model(name, 7);
    const std::int64_t size = info.preprocessing.input_size;
    const std::vector<Shape> shapes = network.shapes({1, 3, size, size});
    const DefaultLayers& layers = info.default_layers;
    for (const std::string& layer :
         {layers.paper, layers.pytorch_grad_cam, layers.captum, layers.torch_cam}) {
      CAPTURE(layer);
      const Shape& shape = shapes[static_cast<std::size_t>(network.find(layer))];
      REQUIRE(shape.rank() == 4);
      CHECK(shape[2] >= 6);
    }
    const NodeId classifier = network.find(info.classifier);
    if (name.starts_with("squeezenet")) {
      CHECK(network.node(classifier).layer->kind() == OpKind::conv2d);
    } else {
      CHECK(classifier == network.output());
      CHECK(network.node(classifier).layer->kind() == OpKind::linear);
    }
  }
}

TEST_CASE("registry: by default Grad-CAM looks at the activation that the head pools") {
  const auto kind = [](const Network& network, NodeId id) {
    return std::string(name_of(network.node(id).kind()));
  };
  for (const std::string& name : model_names()) {
    CAPTURE(name);
    const Network network = build_model(name, 7);
    const DefaultLayers& layers = model_info(name).default_layers;
    const NodeId pooled = network.find(layers.paper);
    if (name.starts_with("squeezenet")) {
      // It pools a map of each class, which says nothing of what speaks against the class: the features below.
      CHECK(network.node(pooled).name == "features.12.cat");
      CHECK(network.find(layers.pytorch_grad_cam) == pooled);
      CHECK(network.find(layers.captum) == pooled);
      CHECK(kind(network, network.find(layers.torch_cam)) == "relu");
      continue;
    }
    CHECK(kind(network, pooled).starts_with("relu"));
    CHECK(kind(network, pooled + 1).ends_with("pool2d"));
    CHECK(network.node(pooled + 1).inputs == std::vector<NodeId>{pooled});
    CHECK(network.find(layers.captum) == pooled);
    // Their packages find a pooling where one stands before the head.
    for (const std::string& layer : {layers.pytorch_grad_cam, layers.torch_cam})
      CHECK((network.find(layer) == pooled || kind(network, network.find(layer)).ends_with("pool2d")));
  }
}

TEST_CASE("registry: default layers have the names that people know") {
  const auto name_at = [](const std::string& model, const std::string& layer) {
    const Network network = build_model(model, 7);
    return network.node(network.find(layer)).name;
  };
  const DefaultLayers& vgg16 = model_info("vgg16").default_layers;
  CHECK(&vgg16.of(Preset::paper) == &vgg16.paper);
  CHECK(&vgg16.of(Preset::pytorch_grad_cam) == &vgg16.pytorch_grad_cam);
  CHECK(&vgg16.of(Preset::captum) == &vgg16.captum);
  CHECK(&vgg16.of(Preset::torch_cam) == &vgg16.torch_cam);
  CHECK(name_at("vgg16", vgg16.paper) == "features.29");
  CHECK(name_at("vgg16", vgg16.pytorch_grad_cam) == "features.30");
  CHECK(name_at("vgg16", vgg16.captum) == "features.29");
  CHECK(name_at("vgg16", vgg16.torch_cam) == "avgpool");
  CHECK(name_at("vgg16_bn", model_info("vgg16_bn").default_layers.captum) == "features.42");
  CHECK(name_at("resnet50", model_info("resnet50").default_layers.pytorch_grad_cam) == "layer4.2.relu_2");
  CHECK(name_at("resnet18", "layer4[-1]") == "layer4.1.relu_1");
  for (const std::string& layer : {model_info("efficientnet_lite0").default_layers.pytorch_grad_cam,
                                   model_info("efficientnet_lite0").default_layers.torch_cam})
    CHECK(name_at("efficientnet_lite0", layer) == "_swish_1");
}

TEST_CASE("registry: an unknown name is answered with the nearest") {
  CHECK_THROWS_WITH_AS(model_info("resnet5O"), doctest::Contains("resnet50"), Error);
  CHECK_THROWS_WITH_AS(build_model("vgg_16", 10), doctest::Contains("vgg16"), Error);
  CHECK_THROWS_WITH_AS(model_info("transformer"), doctest::Contains("known are the families"), Error);
}

TEST_CASE("registry: a network without classes is refused") {
  CHECK_THROWS_WITH_AS(build_model("resnet18", 0), doctest::Contains("at least one class"), Error);
  CHECK_THROWS_WITH_AS(build_model("resnet18", -3), doctest::Contains("-3"), Error);
}
