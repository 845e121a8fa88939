// The network that ships, measured on scenes that it was not trained on.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/run/run.hpp"
#include "engine/train/init.hpp"
#include "models/labels/labels.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes/evaluate.hpp"
#include "models/scenes/scene.hpp"
#include "models/scenes_net.hpp"
#include "models/weights_location.hpp"
#include "weights/checkpoint.hpp"

using namespace backlight;
using namespace backlight::scenes;

namespace {

/// Neither the seed of the training scenes nor that of the figures in the file.
constexpr std::uint64_t kSeed = 20'000;

Network trained_network() {
  const auto path = shipped_weights("backlight_scenes");
  REQUIRE(path.has_value());
  const Checkpoint checkpoint = Checkpoint::open(*path);
  Network network = scenes_net(kClasses);
  for (const NamedParameter& p : network.parameters()) {
    CAPTURE(p.name);
    const StoredTensor* stored = checkpoint.find(p.name);
    REQUIRE(stored != nullptr);
    Tensor value = stored->to_f32();
    REQUIRE(value.shape() == p.tensor->shape());
    *p.tensor = std::move(value);
  }
  return network;
}

/// The pointing rate by another way than pointing_rates(): Zhou's class activation map, which is the linear
/// layer's row times the features, and the centre of its best cell.
double pointing_rate_of_cam(const Network& network, Context& context, std::uint64_t seed,
                            std::uint64_t scenes) {
  const NodeId layer = network.find("layer2");
  const Tensor* weight = nullptr;
  for (const ConstNamedParameter& p : network.parameters())
    if (p.name == "fc.weight") weight = p.tensor;
  REQUIRE(weight != nullptr);
  int hits = 0;
  for (std::uint64_t index = 0; index < scenes; ++index) {
    const Scene scene = render_scene(seed, index, {.min_objects = 2, .max_objects = 2});
    const Run pass(network, context, to_input(context, {&scene.image, 1}), {.keep = {layer}});
    const Tensor& features = pass.value(layer);
    const std::int64_t channels = features.shape()[1], side = features.shape()[2], cells = side * side;
    for (const SceneObject& object : scene.objects) {
      std::vector<double> map(static_cast<std::size_t>(cells), 0);
      for (std::int64_t k = 0; k < channels; ++k)
        for (std::int64_t i = 0; i < cells; ++i)
          map[static_cast<std::size_t>(i)] +=
              static_cast<double>(weight->data<float>()[object.label * channels + k]) *
              features.data<float>()[k * cells + i];
      const auto best = std::ranges::max_element(map) - map.begin();
      const double cell = 96.0 / static_cast<double>(side);
      const double x = (static_cast<double>(best % side) + 0.5) * cell;
      const double y = (static_cast<double>(best / side) + 0.5) * cell;
      hits += x > object.box.x0 && x < object.box.x1 && y > object.box.y0 && y < object.box.y1;
    }
  }
  return hits / (2.0 * static_cast<double>(scenes));
}

}  // namespace

TEST_CASE("backlight_scenes: at least 95 % of scenes of other seeds are classified rightly") {
  Context context;
  const double accuracy = classification_accuracy(trained_network(), context, kSeed, 1000);
  MESSAGE("accuracy ", accuracy);
  CHECK(accuracy >= 0.95);
}

TEST_CASE(
    "backlight_scenes: Grad-CAM points into the box of either of two objects in at least 85 % of cases") {
  Context context;
  const Network network = trained_network();
  const PointingRates rates = pointing_rates(network, context, network.find("layer2"), kSeed, 200);
  MESSAGE("Grad-CAM ", rates.grad_cam, ", Guided Backprop ", rates.guided_backprop, ", Deconvolution ",
          rates.deconvolution);
  CHECK(rates.grad_cam >= 0.85);
  CHECK(rates.guided_backprop > 0.1);
  CHECK(rates.guided_backprop <= 1);
  CHECK(rates.deconvolution > 0);
  CHECK(rates.deconvolution <= 1);
  // The two ways differ where the best cell's centre lies on a box's edge.
  const double by_cam = pointing_rate_of_cam(network, context, kSeed, 200);
  CHECK(std::abs(by_cam - rates.grad_cam) <= 0.02);
}

TEST_CASE("backlight_scenes: without training it guesses and points at random") {
  Context context;
  Network network = scenes_net(kClasses);
  initialise(network, 1);
  CHECK(classification_accuracy(network, context, kSeed, 300) <= 0.25);
  CHECK(pointing_rates(network, context, network.find("layer2"), kSeed, 50).grad_cam <= 0.5);
}

TEST_CASE("backlight_scenes: the file is small and names its architecture and classes") {
  const auto path = shipped_weights("backlight_scenes");
  REQUIRE(path.has_value());
  CHECK(std::filesystem::file_size(*path) < 1'500'000);
  const Checkpoint checkpoint = Checkpoint::open(*path);
  CHECK(checkpoint.metadata().at("backlight.architecture") == "backlight_scenes");
  for (const std::string& label : built_in_labels(LabelSet::scenes).names)
    CHECK(checkpoint.metadata().at("backlight.labels").find('"' + label + '"') != std::string::npos);
  CHECK(std::stod(checkpoint.metadata().at("evaluation.accuracy")) >= 0.95);
  CHECK(std::stod(checkpoint.metadata().at("evaluation.pointing.grad_cam")) >= 0.85);
  CHECK_FALSE(shipped_weights("resnet50").has_value());
}

TEST_CASE("evaluation: no scenes to measure on are refused") {
  Context context;
  const Network network = scenes_net(kClasses);
  CHECK_THROWS_AS(classification_accuracy(network, context, 1, 0), Error);
  CHECK_THROWS_AS(pointing_rates(network, context, network.find("layer2"), 1, 0), Error);
}
