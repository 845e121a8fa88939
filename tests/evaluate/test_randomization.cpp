// Sanity checks: what a map is of a network that has forgotten.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "attribution/small_network.hpp"
#include "engine/evaluate/randomization.hpp"
#include "engine/evaluate/ranking.hpp"
#include "engine/evaluate/scorer.hpp"
#include "engine/evaluate/similarity.hpp"
#include "engine/train/init.hpp"
#include "models/model.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes/scene.hpp"
#include "models/weights_location.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// A residual block with batch norms, one of which reads no convolution.
Network small_normalised_network() {
  Network network(3);
  network.add("conv1", conv2d(3, 6, {.kernel = 3, .padding = 1, .bias = false}));
  network.add("bn1", batch_norm2d(6));
  const NodeId stem = network.add("relu1", relu());
  network.add("conv2", conv2d(6, 6, {.kernel = 3, .padding = 1, .bias = false}));
  const NodeId branch = network.add("bn2", batch_norm2d(6));
  network.add("add", add(), {branch, stem});
  network.add("bn3", batch_norm2d(6));
  network.add("relu2", relu());
  network.add("pool", adaptive_avg_pool2d(2));
  network.add("flatten", flatten());
  network.add("fc", linear(24, 4));
  initialise(network, 5);
  return network;
}

Tensor few_pictures() { return random_tensor({3, 3, 11, 12}, "randomization.pictures"); }

const Tensor& value_of(const Network& network, const std::string& parameter) {
  for (const ConstNamedParameter& p : network.parameters())
    if (p.name == parameter) return *p.tensor;
  FAIL("no parameter ", parameter);
  throw std::logic_error("unreachable");
}

bool same_value(const Network& a, const Network& b, const std::string& parameter) {
  return same_bits(value_of(a, parameter), value_of(b, parameter));
}

std::vector<double> exactly(const Tensor& tensor) {
  const Tensor exact = tensor.to(DType::f64);
  return {exact.values<double>().begin(), exact.values<double>().end()};
}

struct SceneProbe {
  SceneProbe() : model(load_model(*shipped_weights("backlight_scenes"))), context(Device{}, 2) {
    std::vector<Image> images;
    for (std::uint64_t i = 0; i < 6; ++i) images.push_back(scenes::render_scene(31, i).image);
    pictures = scenes::to_input(context, images);
    layer = model.network.find("layer2");
  }
  Tensor picture(std::int64_t i) const {
    Tensor x({1, 3, 96, 96});
    std::ranges::copy(pictures.values().subspan(static_cast<std::size_t>(i * x.numel()),
                                                static_cast<std::size_t>(x.numel())),
                      x.data<float>());
    return x;
  }
  Model model;
  Context context;
  Tensor pictures;
  NodeId layer;
};

}  // namespace

TEST_CASE("similarity: SSIM and HOG are scikit-image's") {
  const auto positive = [](const char* name) {
    std::vector<double> map = exactly(random_tensor({50, 66}, name));
    for (double& v : map) v = std::max(v, 0.0);
    return map;
  };
  const std::vector<double> a = positive("similarity.a"), b = positive("similarity.b");
  std::vector<double> half = a;
  for (double& v : half) v /= 2;
  const std::vector<double> smooth = exactly(golden("faithfulness", "similarity.smooth"));
  const std::span<const double> both = smooth;
  const std::vector<double> found{ssim(a, b, 50, 66), ssim(a, half, 50, 66),
                                  ssim(both.first(3300), both.subspan(3300), 50, 66)};
  const std::vector<double> expected = exactly(golden("faithfulness", "ssim"));
  for (std::size_t i = 0; i < 3; ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-6));
  CHECK(ssim(a, a, 50, 66) == doctest::Approx(1));
  const std::vector<double> gradients = hog(a, 50, 66), theirs = exactly(golden("faithfulness", "hog"));
  REQUIRE(gradients.size() == theirs.size());
  for (std::size_t i = 0; i < theirs.size(); ++i) CHECK(std::abs(gradients[i] - theirs[i]) < 1e-6);
  CHECK_THROWS_AS(ssim(a, b, 10, 330), Error);
  CHECK_THROWS_AS(ssim(a, b, 50, 65), Error);
  CHECK_THROWS_AS(hog(a, 47, 70), Error);
}

TEST_CASE("randomized_networks: from the scores downwards, one more or one alone") {
  const Network network = small_normalised_network();
  Context context(Device{}, 1);
  const auto cascade =
      randomized_networks(network, context, RandomizationOrder::cascading, 3, few_pictures());
  const auto alone =
      randomized_networks(network, context, RandomizationOrder::independent, 3, few_pictures());
  std::vector<std::string> names;
  for (const RandomizedNetwork& randomized : cascade) names.push_back(randomized.layer);
  CHECK(names == std::vector<std::string>{"fc", "bn3", "conv2", "conv1"});
  CHECK(names == randomizable_layers(network));
  const std::vector<std::string> weights{"fc.weight", "conv2.weight", "conv1.weight"};
  const auto changed = [&](const RandomizedNetwork& randomized) {
    std::vector<bool> which;
    for (const std::string& name : weights) which.push_back(!same_value(network, *randomized.network, name));
    return which;
  };
  CHECK(changed(cascade[1]) == std::vector<bool>{true, false, false});
  CHECK(changed(cascade[2]) == std::vector<bool>{true, true, false});
  CHECK(changed(cascade[3]) == std::vector<bool>{true, true, true});
  CHECK(changed(alone[2]) == std::vector<bool>{false, true, false});
  CHECK(changed(alone[3]) == std::vector<bool>{false, false, true});
  CHECK(same_value(network, *alone[3].network, "bn2.running_mean"));
  CHECK(same_value(*cascade[3].network, *alone[0].network, "fc.weight"));
  CHECK(cascade[2].network->weights().shared(0) == network.weights().shared(0));  // conv1.weight, not copied
  const auto again = randomized_networks(network, context, RandomizationOrder::cascading, 3, few_pictures());
  const auto other = randomized_networks(network, context, RandomizationOrder::cascading, 4, few_pictures());
  CHECK(same_value(*again[3].network, *cascade[3].network, "conv1.weight"));
  CHECK_FALSE(same_value(*other[3].network, *cascade[3].network, "conv1.weight"));
  CHECK_THROWS_WITH_AS(randomized_networks(network, context, RandomizationOrder::cascading, 3),
                       doctest::Contains("'bn3' needs statistics"), Error);
}

TEST_CASE("randomized_networks: batch norms have the statistics of what reaches them") {
  const Network network = small_normalised_network();
  Context context(Device{}, 1);
  const auto check = [&](const Network& randomized, const char* batch_norm, const char* reads) {
    CAPTURE(batch_norm);
    const NodeId read = randomized.find(reads);
    const Run run(randomized, context, few_pictures(), {.keep = {read}});
    const Tensor value = run.value(read).to(DType::f64);
    const double count = 3 * 11 * 12;
    for (std::int64_t c = 0; c < 6; ++c) {
      double sum = 0, squares = 0;
      for (std::int64_t i = 0; i < value.numel(); ++i)
        if (i / 132 % 6 == c) sum += value.data<double>()[i];
      for (std::int64_t i = 0; i < value.numel(); ++i)
        if (i / 132 % 6 == c) squares += std::pow(value.data<double>()[i] - sum / count, 2);
      const std::string name = batch_norm;
      CHECK(static_cast<double>(value_of(randomized, name + ".running_mean").data<float>()[c]) ==
            doctest::Approx(sum / count).epsilon(1e-5));
      CHECK(static_cast<double>(value_of(randomized, name + ".running_var").data<float>()[c]) ==
            doctest::Approx(squares / (count - 1)).epsilon(1e-5));
      CHECK(value_of(randomized, name + ".weight").data<float>()[c] == 1);
    }
  };
  const auto cascade =
      randomized_networks(network, context, RandomizationOrder::cascading, 3, few_pictures());
  check(*cascade.back().network, "bn1", "conv1");
  check(*cascade.back().network, "bn2", "conv2");
  check(*cascade.back().network, "bn3", "add");
  const auto alone =
      randomized_networks(network, context, RandomizationOrder::independent, 3, few_pictures());
  check(*alone[2].network, "bn2", "conv2");
}

TEST_CASE(
    "randomization: the tail alone gives the bits of the whole network, whatever the layer and the order") {
  const Network network = small_normalised_network();
  Context context(Device{}, 1);
  const Tensor x = random_tensor({1, 3, 11, 12}, "randomization.x");
  for (const char* layer : {"relu1", "conv2", "relu2"})
    for (const RandomizationOrder order : {RandomizationOrder::cascading, RandomizationOrder::independent}) {
      CAPTURE(layer);
      const auto networks = randomized_networks(network, context, order, 3, few_pictures());
      const Question question{.target = {.classes = {2}}, .layer = network.find(layer)};
      Probe probe(network, context, x.clone(), {*question.layer}, false);
      const Method& grad_cam = find_method("grad-cam");
      const auto found = randomization(probe, grad_cam, question, networks);
      const auto map = [&](Probe& of) {
        return exactly(measured_map(grad_cam.explain(of, question).front(), question.preset, 11, 12));
      };
      const std::vector<double> own = map(probe);
      REQUIRE(found.size() == networks.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        Probe whole(*networks[i].network, context, x.clone(), {*question.layer}, false);
        CHECK(found[i].layer == networks[i].layer);
        CHECK(found[i].spearman == spearman(own, map(whole)));
      }
    }
}

TEST_CASE(
    "randomization: Guided Backprop hardly reacts to the upper layers of the scenes network, Grad-CAM does") {
  SceneProbe scene;
  const auto networks = randomized_networks(scene.model.network, scene.context, RandomizationOrder::cascading,
                                            1, scene.pictures);
  // fc and the last block.
  const auto upper = std::span(networks).first(3);
  REQUIRE(upper[2].layer == "layer2.2.conv1");
  double guided = 0, cam = 0, guided_below = 0;
  constexpr int kPictures = 3;
  for (int i = 0; i < kPictures; ++i) {
    Probe probe(scene.model.network, scene.context, scene.picture(i), {scene.layer}, true);
    const Question question{
        .target = {.classes = {Explanation(scene.model.network, scene.context, scene.picture(i), {}, false)
                                   .top_classes()
                                   .front()}},
        .layer = scene.layer};
    const auto of = [&](const char* method, std::span<const RandomizedNetwork> which) {
      return randomization(probe, find_method(method), question, which, {.ssim = true, .hog = true}).back();
    };
    const MapSimilarity backprop = of("guided-backprop", upper), grad_cam = of("grad-cam", upper);
    guided += *backprop.spearman / kPictures;
    cam += grad_cam.signed_spearman.value_or(0) / kPictures;
    guided_below += *of("guided-backprop", networks).spearman / kPictures;
    CHECK(*backprop.ssim > 0.5);
    CHECK(backprop.hog.has_value());
  }
  MESSAGE("guided backprop ", guided, ", grad-cam ", cam, ", guided backprop with all layers random ",
          guided_below);
  CHECK(guided > 0.8);
  CHECK(cam < 0.5);
}
