// Maps for which what follows a layer runs again, from other values than the picture's.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/layer_path.hpp"
#include "engine/explain/methods.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Tensor tails_input() { return random_tensor({2, 3, 13, 18}, "layer_maps.x"); }
Target tails_target(Aim aim = Aim::score) { return {.classes = {1, 4}, .aim = aim}; }

/// Its head saturates.
Network small_bending_network() {
  Network network(3);
  network.add("conv1", conv2d(3, 6, {.kernel = 3, .stride = 2, .padding = 1}));
  network.add("relu1", relu());
  network.add("pool", max_pool2d({.kernel = 2, .stride = 2}));
  network.add("flatten", flatten());
  network.add("fc1", linear(6 * 3 * 4, 12));
  network.add("tanh", tanh());
  network.add("fc2", linear(12, 5));
  fill_parameters(network, 0.8);
  return network;
}

/// A network with a probe of a batch of two from one of its layers on.
struct Tailed {
  Tailed(Network built, const char* path)
      : context(test_context(1)),
        network(placed(std::move(built), context)),
        layer(network.find(path)),
        probe(network, context, tails_input(), {layer}, true, /*tails=*/true) {}

  Question question(Aim aim = Aim::score) const { return {.target = tails_target(aim), .layer = layer}; }
  Question averaged(int steps, Aim aim = Aim::score) const {
    Question asked = question(aim);
    asked.path_average = steps;
    return asked;
  }
  std::vector<Result> results(const char* method, const Question& asked) {
    return find_method(method).explain(probe, asked);
  }
  Tensor raw(const char* method, const Question& asked, std::size_t image = 0) {
    return results(method, asked).at(image).raw().clone();
  }
  /// The target of each image where the layer's value is zero.
  std::vector<double> values_at_zero(const Target& target) {
    const Explanation explanation(network, context, tails_input(), {layer}, false, /*tails=*/true);
    const Run& run = explanation.run();
    const Run rest = run.resume(run.tail(layer, 2), context.zeros(run.shape(layer)));
    return evaluate(target, context.to_host(rest.output())).values;
  }

  Context context;
  Network network;
  NodeId layer;
  Probe probe;
};

double total_of(const Tensor& map) {
  double sum = 0;
  for (const float v : map.values()) sum += v;
  return sum;
}

std::vector<const Method*> averaging_methods() {
  std::vector<const Method*> all;
  for (const Method& method : methods())
    if (method.takes_path_average()) all.push_back(&method);
  return all;
}

/// Two heads read one layer.
Network two_headed_network() {
  Network network(3);
  network.add("conv", conv2d(3, 8, {.kernel = 3}));
  const NodeId shared = network.add("relu", relu());
  std::vector<NodeId> heads;
  for (const std::string name : {"a", "b"}) {
    const NodeId pooled = network.add(name + ".pool", adaptive_avg_pool2d(1), {shared});
    const NodeId flat = network.add(name + ".flatten", flatten(), {pooled});
    heads.push_back(network.add(name + ".fc", linear(8, 5), {flat}));
  }
  network.add("add", add(), heads);
  fill_parameters(network, 0.4);
  return network;
}

}  // namespace

TEST_CASE("path average: hirescam adds up to what the layer's value made of the target" *
          doctest::test_suite("device")) {
  const auto check = [](Tailed at, Aim aim) {
    CAPTURE(name_of(aim));
    const Target target = tails_target(aim);
    const std::vector<double> whole = at.probe.values(target), nothing = at.values_at_zero(target);
    for (std::size_t n = 0; n < 2; ++n) {
      const double expected = whole[n] - nothing[n];
      const auto error = [&](int steps) {
        return std::abs(total_of(at.raw("hirescam", at.averaged(steps, aim), n)) - expected) /
               std::abs(expected);
      };
      CHECK(error(2000) <= 3e-3);
      CHECK(error(1) > 0.05);
    }
  };
  check(Tailed(small_bending_network(), "relu1"), Aim::score);
  check(Tailed(small_residual_network(), "block.relu_1"), Aim::probability);
  check(Tailed(small_residual_network(), "block.relu_1"), Aim::log_probability);
  // A skip connection goes around this one and keeps its value.
  check(Tailed(small_residual_network(), "block.conv1"), Aim::log_probability);
}

TEST_CASE("path average: one step is the gradient and any number is where all is linear" *
          doctest::test_suite("device")) {
  Tailed pooled(small_residual_network(), "block.relu_1"), bending(small_bending_network(), "relu1");
  Probe plain(bending.network, bending.context, tails_input(), {bending.layer}, true);
  const double tolerance = tolerance_on(pooled.context.device(), 2e-6);
  const std::vector<const Method*> all = averaging_methods();
  REQUIRE(all.size() >= 9);
  for (const Method* method : all) {
    const char* name = method->name.data();
    CAPTURE(name);
    const Tensor expected = method->explain(plain, bending.question())[1].raw().clone();
    CHECK(same_result(bending.raw(name, bending.averaged(1), 1), expected));
    CHECK(relative_error(bending.raw(name, bending.averaged(4), 1), expected) > 0.01);
    CHECK(relative_error(pooled.raw(name, pooled.averaged(5)), pooled.raw(name, pooled.question())) <=
          tolerance);
  }
}

TEST_CASE("path average: grad-cam weighs channels by its mean over positions" *
          doctest::test_suite("device")) {
  Tailed at(small_bending_network(), "relu1");
  const Tensor gradient = at.probe.gradient(at.layer, tails_target(), {.steps = 8}).clone();
  const std::vector<Result> both = at.results("grad-cam", at.averaged(8));
  const Result& found = both.front();
  REQUIRE(found.map->alpha.shape() == Shape{6});
  const std::int64_t plane = gradient.shape()[2] * gradient.shape()[3];
  for (std::int64_t k = 0; k < 6; ++k) {
    double mean = 0;
    for (std::int64_t i = 0; i < plane; ++i)
      mean += gradient.data<float>()[k * plane + i] / static_cast<double>(plane);
    CHECK(std::abs(found.map->alpha.values()[static_cast<std::size_t>(k)] - mean) <= 1e-6);
  }
}

TEST_CASE("path average: neither the batch nor the points that go together change a bit") {
  Tailed at(small_bending_network(), "relu1");
  const Tensor x = tails_input();
  const auto size = x.values().size() / 2;
  for (const char* method : {"grad-cam", "hirescam", "guided-grad-cam"}) {
    Question asked = at.averaged(5, Aim::probability);
    const std::vector<Result> both = at.results(method, asked);
    // A few points together: of both images, and fewer in the last batch.
    Tailed again(small_bending_network(), "relu1");
    asked.batch_bytes = 3 * 2200;
    const std::vector<Result> few = again.results(method, asked);
    asked.batch_bytes = 1;
    for (std::size_t n = 0; n < 2; ++n) {
      CHECK(same_bits(few[n].raw(), both[n].raw()));
      Probe one(at.network, at.context, Tensor::from({1, 3, 13, 18}, x.values().subspan(n * size, size)),
                {at.layer}, true, /*tails=*/true);
      asked.target.classes = {tails_target().classes[n]};
      CHECK(same_bits(find_method(method).explain(one, asked).front().raw(), both[n].raw()));
      // Smoothed by no noise it is itself.
      Question smooth = asked;
      smooth.smoothing = Smoothing::mean;
      smooth.samples = 1;
      smooth.noise = 0;
      CHECK(relative_error(find_method(method).explain(one, smooth).front().raw(), both[n].raw()) <= 1e-6);
    }
  }
}

TEST_CASE("path average: any targets of any images share the passes and have the bits of each alone") {
  Tailed at(small_bending_network(), "relu1");
  const Explanation explanation(at.network, at.context, tails_input(), {at.layer}, false, /*tails=*/true);
  const std::vector<std::int64_t> images{1, 0, 1, 1};
  const auto gradients_of = [&](std::span<const std::int64_t> about, std::int64_t first, std::int64_t bytes) {
    // Target t is score t squared, whose gradient is another one at each point.
    return path_gradients(
        explanation.run(), at.context, at.layer, at.network.output(), about, /*steps=*/4,
        [&](std::int64_t target, std::span<const double> scores, std::span<double> dy) {
          const auto k = static_cast<std::size_t>(first + target);
          dy[k] = 2 * scores[k];
        },
        bytes);
  };
  for (const std::int64_t bytes : {std::int64_t{1}, 3 * std::int64_t{2200}, kTailBytes}) {
    const Tensor together = gradients_of(images, 0, bytes);
    const std::int64_t size = together.numel() / std::ssize(images);
    for (std::int64_t t = 0; t < std::ssize(images); ++t) {
      CAPTURE(t);
      const Tensor alone = gradients_of({&images[static_cast<std::size_t>(t)], 1}, t, kTailBytes);
      CHECK(std::equal(alone.values().begin(), alone.values().end(), together.data<float>() + t * size));
      CHECK(std::ranges::any_of(alone.values(), [](float v) { return v != 0; }));
    }
  }
}

TEST_CASE("path average: what has none is refused") {
  Tailed at(small_bending_network(), "relu1");
  const auto refused = [](Probe& probe, const char* method, const Question& asked, const char* why) {
    CHECK_THROWS_WITH_AS(find_method(method).explain(probe, asked), doctest::Contains(why), Error);
  };
  for (const char* method : {"gradient", "eigen-cam", "cam", "integrated-gradients"})
    refused(at.probe, method, at.averaged(2), "a path average has no meaning for ");
  refused(at.probe, "gradient", at.averaged(2), "; it has for grad-cam, grad-cam++, xgrad-cam, hirescam");
  refused(at.probe, "grad-cam", at.averaged(0),
          "a path average of 0 steps was asked for, expected 1 or more");
  Probe without(at.network, at.context, tails_input(), {at.layer}, true);
  refused(without, "grad-cam", at.averaged(2), "the probe was made without tails");
  const Tensor y = at.probe.activation(at.layer);
  const std::vector<float> like(static_cast<std::size_t>(y.numel() / 2), 1.0f);
  Question own = at.averaged(2);
  own.target.own = std::make_shared<const OwnTarget>(similarity(at.layer, y, like));
  refused(at.probe, "hirescam", own, "a target of one's own is known of the picture alone");
}

TEST_CASE("recipro-cam and ablation-cam: equal their definitions and pytorch-grad-cam" *
          doctest::test_suite("device")) {
  int of_pytorch_grad_cam = 0;
  const auto check = [&](Tailed at, const std::string& name) {
    CAPTURE(name);
    const double tolerance = tolerance_on(at.context.device(), 1e-5);
    const auto equals = [&](const char* method, Preset preset, const char* expected) {
      CAPTURE(method);
      CAPTURE(expected);
      Question asked = at.question();
      asked.preset = preset;
      const Tensor both = golden("layer_maps", name + "." + method + "." + expected);
      const auto size = both.values().size() / 2;
      for (std::size_t n = 0; n < 2; ++n) {
        const Tensor found = at.raw(method, asked, n);
        CHECK(relative_error(found, Tensor::from(found.shape(), both.values().subspan(n * size, size))) <=
              tolerance);
      }
    };
    equals("recipro-cam", Preset::paper, "paper");
    equals("recipro-cam", Preset::pytorch_grad_cam, "paper");
    equals("recipro-cam", Preset::paper_code, "paper-code");
    equals("ablation-cam", Preset::paper, "paper");

    // pytorch-grad-cam's has one image after the other: what it cannot say of one is no matter of the other.
    for (std::size_t n = 0; n < 2; ++n) {
      const Tensor x = tails_input();
      const auto size = x.values().size() / 2;
      Probe one(at.network, at.context, Tensor::from({1, 3, 13, 18}, x.values().subspan(n * size, size)),
                {at.layer}, false, /*tails=*/true);
      const Question asked{.target = {{tails_target().classes[n]}}, .layer = at.layer};
      const Tensor a = one.activation(at.layer);
      const bool below = *std::ranges::min_element(a.values()) != 0,
                 lost = one.values(asked.target).front() <= 0;
      const auto ask = [&] { return find_method("ablation-cam").explain(one, asked); };
      if (below)
        CHECK_THROWS_WITH_AS(ask(), doctest::Contains("where the layer's least value is 0"), Error);
      else if (lost)
        CHECK_THROWS_WITH_AS(ask(), doctest::Contains("where the target is above 0"), Error);
      if (below || lost) continue;
      ++of_pytorch_grad_cam;
      const Tensor expected =
          golden("layer_maps", name + ".ablation-cam.pytorch-grad-cam." + std::to_string(n));
      CHECK(relative_error(ask().front().raw(), expected) <= tolerance);
    }
  };
  check(Tailed(small_residual_network(), "block.relu_1"), "pooled.block.relu_1");
  check(Tailed(small_residual_network(), "block.conv1"), "pooled.block.conv1");
  check(Tailed(small_dense_network(), "relu2"), "dense.relu2");
  check(Tailed(small_dense_network(), "conv2"), "dense.conv2");
  CHECK(of_pytorch_grad_cam >= 2);
}

TEST_CASE("recipro-cam and ablation-cam: have their closed forms where a network pools for one linear layer" *
          doctest::test_suite("device")) {
  Tailed at(small_residual_network(), "block.relu_1");
  const double tolerance = tolerance_on(at.context.device(), 1e-5);
  const Node& classifier = at.network.node(at.network.find("fc"));
  const auto parameter = [&](std::size_t i) {
    return at.context.to_host(at.network.weights()[classifier.parameters[i]]);
  };
  const Tensor weight = parameter(0), bias = parameter(1), a = at.probe.activation(at.layer);
  const std::int64_t plane = a.shape()[2] * a.shape()[3];
  Question asked = at.question();
  asked.preset = Preset::paper;
  for (std::int64_t n = 0; n < 2; ++n) {
    const std::int64_t index = asked.target.classes[static_cast<std::size_t>(n)];
    const double y = at.probe.values(asked.target)[static_cast<std::size_t>(n)];
    Tensor alone({a.shape()[2], a.shape()[3]}), without = Tensor::zeros(alone.shape());
    alone.fill(bias.values()[static_cast<std::size_t>(index)]);
    for (std::int64_t k = 0; k < 8; ++k) {
      const float w = weight.data<float>()[index * 8 + k];
      const float* const values = a.data<float>() + (n * 8 + k) * plane;
      double mean = 0;
      for (std::int64_t i = 0; i < plane; ++i) mean += values[i] / static_cast<double>(plane);
      for (std::int64_t i = 0; i < plane; ++i) {
        alone.data<float>()[i] += w * values[i] / static_cast<float>(plane);
        without.data<float>()[i] += static_cast<float>(w * mean / std::abs(y)) * values[i];
      }
    }
    const auto image = static_cast<std::size_t>(n);
    CHECK(relative_error(at.raw("recipro-cam", asked, image), alone) <= tolerance);
    CHECK(relative_error(at.raw("ablation-cam", asked, image), without) <= 2 * tolerance);
    // What speaks for a target speaks against its opposite, whatever the sign of either.
    Question against = asked;
    against.target.direction = Direction::counterfactual;
    for (const char* method : {"recipro-cam", "ablation-cam"}) {
      Tensor negated = at.raw(method, against, image);
      for (float& v : negated.values()) v = -v;
      CHECK(same_bits(negated, at.raw(method, asked, image)));
    }
  }
}

TEST_CASE(
    "recipro-cam and ablation-cam: what goes together changes no bit and dead channels have no weight") {
  // The third channel is nothing anywhere; of the others one makes no difference to the score.
  Network network = small_dense_network();
  Tensor bias = network.weights()[network.node(network.find("conv2")).parameters[1]].clone();
  bias.values()[2] = -1000;
  network = network.with("conv2.bias", std::move(bias));
  Tensor fc = network.weights()[network.node(network.find("fc1")).parameters[0]].clone();
  for (std::int64_t row = 0; row < 12; ++row) std::fill_n(fc.data<float>() + row * 96 + 5 * 12, 12, 0.0f);
  network = network.with("fc1.weight", std::move(fc));
  Tailed at(std::move(network), "relu2");
  for (const char* method : {"recipro-cam", "ablation-cam"}) {
    CAPTURE(method);
    Question asked = at.question(Aim::log_probability);
    asked.preset = Preset::paper;
    const std::vector<Result> whole = at.results(method, asked);
    for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{20'000}}) {
      asked.batch_bytes = bytes;
      const std::vector<Result> parts = at.results(method, asked);
      for (std::size_t n = 0; n < 2; ++n) CHECK(same_bits(parts[n].raw(), whole[n].raw()));
    }
    if (whole[0].map->alpha.defined())
      for (const Result& result : whole)
        for (std::size_t k = 0; k < 8; ++k) CHECK((result.map->alpha.values()[k] == 0) == (k == 2 || k == 5));
  }
}

TEST_CASE("recipro-cam and ablation-cam: what a probe cannot be asked is refused") {
  Tailed at(small_dense_network(), "relu2");
  Probe without(at.network, at.context, tails_input(), {at.layer}, false);
  for (const char* method : {"recipro-cam", "ablation-cam"}) {
    Question asked = at.question();
    asked.preset = Preset::paper;
    CHECK_THROWS_WITH_AS(find_method(method).explain(without, asked),
                         doctest::Contains("the probe was made without tails"), Error);
    const Tensor y = at.probe.activation(at.layer);
    const std::vector<float> like(static_cast<std::size_t>(y.numel() / 2), 1.0f);
    asked.target.own = std::make_shared<const OwnTarget>(similarity(at.layer, y, like));
    CHECK_THROWS_WITH_AS(at.results(method, asked), doctest::Contains("a target of one's own"), Error);
  }
}

TEST_CASE(
    "ablation-cam: what a linear layer has of a channel is taken off it, as if the channel were not there" *
    doctest::test_suite("device")) {
  const auto check = [](Tailed at, const char* behind) {
    const std::optional<NodeId> linear = linear_behind(at.network, at.layer);
    CHECK(linear == (behind ? std::optional(at.network.find(behind)) : std::nullopt));
    const Tensor a = at.probe.activation(at.layer);
    const std::vector<std::int64_t> channels{0, 3, 5};
    const auto plane = static_cast<std::size_t>(a.shape()[2] * a.shape()[3]);
    for (std::int64_t image = 0; image < 2; ++image) {
      const std::vector<double> found = at.probe.values_without(at.layer, tails_target(), image, channels);
      const std::vector<double> whole = at.probe.values_from(
          at.layer, tails_target(), image, 4, [&](std::int64_t i, std::span<double> values) {
            if (i == 3) return;
            const auto k = static_cast<std::size_t>(channels[static_cast<std::size_t>(i)]);
            std::ranges::fill(values.subspan(k * plane, plane), 0.0);
          });
      REQUIRE(found.size() == 4);
      for (std::size_t i = 0; i < 4; ++i)
        CHECK(std::abs(found[i] - whole[i]) <=
              tolerance_on(at.context.device(), 2e-6) * (1 + std::abs(whole[i])));
      CHECK(std::abs(found[3] - found[0]) > 1e-4);
      if (!linear) CHECK(found == whole);
    }
  };
  check(Tailed(small_residual_network(), "block.relu_1"), "fc");
  check(Tailed(small_residual_network(), "block.add"), "fc");
  check(Tailed(small_residual_network(), "relu1"), nullptr);  // two read it
  check(Tailed(small_residual_network(), "block.relu"), nullptr);
  check(Tailed(two_headed_network(), "relu"), nullptr);
  check(Tailed(small_dense_network(), "relu2"), "fc1");
  check(Tailed(small_dense_network(), "conv2"), "fc1");
  check(Tailed(small_dense_network(), "conv1"), nullptr);
}
