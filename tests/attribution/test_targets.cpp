// What is explained of a class, against pytorch-grad-cam's and torch-cam's targets (tests/golden/make_targets.py).
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/methods.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr Aim kAims[] = {
    Aim::score,          Aim::probability, Aim::log_probability, Aim::finer, Aim::finer_pytorch_grad_cam,
    Aim::finer_torch_cam};

Tensor target_scores() {
  Tensor scores({3, 7}, DType::f64);
  fill(scores, "targets.scores", -3, 3);
  return scores;
}

Target target_of(Aim aim) { return {.classes = {2, 0, 6}, .aim = aim}; }

/// y_n − y_3 + ½ y_5, of whatever the aim says of a class.
Target against_two(Aim aim) {
  Target target = target_of(aim);
  target.others = {{3}, {5, 0.5}};
  return target;
}

void check_target(const std::string& name, const Target& target) {
  CAPTURE(name);
  const TargetValues found = evaluate(target, target_scores());
  CHECK(relative_error(found.gradient, golden("targets", name + ".gradient").to(DType::f64)) <= 1e-6);
  const Tensor values = golden("targets", name + ".value");
  REQUIRE(values.numel() == static_cast<std::int64_t>(found.values.size()));
  for (std::size_t n = 0; n < found.values.size(); ++n)
    CHECK(std::abs(found.values[n] - values.values()[n]) <= 1e-6);
}

}  // namespace

TEST_CASE("targets: equal the packages' values and gradients") {
  for (const Aim aim :
       {Aim::probability, Aim::log_probability, Aim::finer_pytorch_grad_cam, Aim::finer_torch_cam})
    check_target(std::string(name_of(aim)), target_of(aim));
  for (const Aim aim : {Aim::probability, Aim::log_probability}) {
    Target target = target_of(aim);
    target.sigmoid = true;
    check_target("sigmoid." + std::string(name_of(aim)), target);
  }
  check_target("against", against_two(Aim::score));
  check_target("probability.against", against_two(Aim::probability));
}

TEST_CASE("targets: finer holds the references' shares fixed and has the value of the authors'") {
  const Tensor scores = target_scores();
  const TargetValues fixed = evaluate(target_of(Aim::finer), scores),
                     authors = evaluate(target_of(Aim::finer_pytorch_grad_cam), scores);
  CHECK(fixed.values == authors.values);
  for (std::int64_t row = 0; row < 3; ++row) {
    double references = 0, value = 0;
    for (std::int64_t c = 0; c < 7; ++c) {
      const double d = fixed.gradient.data<double>()[row * 7 + c];
      value += d * scores.data<double>()[row * 7 + c];
      if (c == target_of(Aim::finer).classes[static_cast<std::size_t>(row)]) {
        CHECK(d == 1);
        continue;
      }
      CHECK(d <= 0);
      references += d;
    }
    CHECK(std::abs(references + 1) <= 1e-12);
    CHECK(std::abs(value - fixed.values[static_cast<std::size_t>(row)]) <= 1e-12);
  }
}

TEST_CASE("targets: the gradient is that of the value and a counterfactual negates both") {
  const double step = 1e-6;
  for (const bool sigmoid : {false, true})
    for (const Aim aim : kAims) {
      if (aim == Aim::finer) continue;  // no gradient of its value, by definition
      CAPTURE(name_of(aim));
      Target target = aim == Aim::finer_pytorch_grad_cam || aim == Aim::finer_torch_cam ? target_of(aim)
                                                                                        : against_two(aim);
      target.sigmoid = sigmoid;
      const Tensor scores = target_scores();
      const TargetValues found = evaluate(target, scores);
      for (std::int64_t i = 0; i < scores.numel(); ++i) {
        Tensor up = scores.clone(), down = scores.clone();
        up.data<double>()[i] += step;
        down.data<double>()[i] -= step;
        const auto row = static_cast<std::size_t>(i / 7);
        const double slope =
            (evaluate(target, up).values[row] - evaluate(target, down).values[row]) / (2 * step);
        CHECK(std::abs(slope - found.gradient.data<double>()[i]) <= 1e-8);
      }
      target.direction = Direction::counterfactual;
      const TargetValues against = evaluate(target, scores);
      for (std::int64_t i = 0; i < scores.numel(); ++i)
        CHECK(against.gradient.data<double>()[i] == -found.gradient.data<double>()[i]);
      for (std::size_t n = 0; n < 3; ++n) CHECK(against.values[n] == -found.values[n]);
    }
}

TEST_CASE("targets: a network of one output has two classes, each the other's counterfactual") {
  const Tensor z = Tensor::from({2, 1}, std::vector<float>{1.5f, -0.25f});
  for (const Aim aim : kAims) {
    CAPTURE(name_of(aim));
    const auto of = [&](std::int64_t index, Direction direction = Direction::evidence) {
      return evaluate({.classes = {index, index}, .direction = direction, .aim = aim}, z).gradient;
    };
    const Tensor there = of(1), absent = of(0);
    for (std::int64_t n = 0; n < 2; ++n) {
      const double p = 1 / (1 + std::exp(-z.data<float>()[n]));
      const double expected = aim == Aim::score             ? 1
                              : aim == Aim::probability     ? p * (1 - p)
                              : aim == Aim::log_probability ? 1 - p
                              : aim == Aim::finer_torch_cam ? 1.6
                                                            : 2;
      CHECK(std::abs(there.data<float>()[n] - expected) <= 1e-6);
      if (aim != Aim::log_probability)
        CHECK(std::abs(absent.data<float>()[n] + there.data<float>()[n]) <= 1e-6);
      CHECK(of(1, Direction::counterfactual).data<float>()[n] == -there.data<float>()[n]);
    }
  }
}

TEST_CASE("targets: scores that are far apart overflow nothing") {
  const Tensor far = Tensor::from({2, 2}, std::vector<float>{3e4f, -3e4f, -3e4f, 3e4f});
  for (const bool sigmoid : {false, true})
    for (const Aim aim : kAims) {
      CAPTURE(name_of(aim));
      const TargetValues found = evaluate({.classes = {0, 0}, .aim = aim, .sigmoid = sigmoid}, far);
      for (const float v : found.gradient.values()) CHECK(std::isfinite(v));
      for (const double v : found.values) CHECK(std::isfinite(v));
    }
  CHECK(evaluate({.classes = {0, 0}, .aim = Aim::log_probability}, far).values[1] == -6e4);
}

TEST_CASE("targets: what is no target is refused") {
  const Tensor scores = target_scores(), one = Tensor::zeros({1, 1});
  CHECK_THROWS_WITH_AS(evaluate({.classes = {1}}, scores), doctest::Contains("one per row"), Error);
  CHECK_THROWS_WITH_AS(evaluate({.classes = {1, 7, 0}}, scores), doctest::Contains("classes 0 to 6"), Error);
  CHECK_THROWS_WITH_AS(evaluate({.classes = {1, 2, 0}, .others = {{-1}}}, scores),
                       doctest::Contains("class -1 was asked for"), Error);
  CHECK_THROWS_WITH_AS(evaluate({.classes = {2}}, one), doctest::Contains("classes 0 to 1"), Error);
  CHECK_THROWS_WITH_AS(evaluate(against_two(Aim::finer), scores), doctest::Contains("against by itself"),
                       Error);
  CHECK_THROWS_WITH_AS(parse_aim("finner"), doctest::Contains("did you mean \"finer\""), Error);
  for (const Aim aim : kAims) CHECK(parse_aim(name_of(aim)) == aim);
}

TEST_CASE("targets: maps of a target are the packages' and linear in it" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_dense_network(), context);
  const NodeId layer = network.find("relu2");
  Probe probe(network, context, random_tensor({2, 3, 13, 18}, "layer_maps.x"), {layer}, true);
  const double tolerance = tolerance_on(context.device(), 1e-5);
  const auto map_of = [&](const char* method, const Target& target) {
    const std::vector<Result> results = find_method(method).explain(probe, {target, layer});
    Tensor both({2, 6, 9});
    for (std::size_t n = 0; n < 2; ++n)
      std::ranges::copy(results[n].map->map.values(),
                        both.values().begin() + static_cast<std::ptrdiff_t>(n) * 54);
    return both;
  };
  CHECK(relative_error(map_of("grad-cam", {.classes = {1, 4}, .aim = Aim::finer_pytorch_grad_cam}),
                       golden("targets", "map.finer-pytorch-grad-cam")) <= tolerance);
  Tensor torch_cam = map_of("grad-cam", {.classes = {1, 4}, .aim = Aim::finer_torch_cam});
  for (float& v : torch_cam.values()) v = std::max(v, 0.0f);
  CHECK(relative_error(torch_cam, golden("targets", "map.finer-torch-cam")) <= tolerance);

  // The difference of two classes has the difference of their maps, and another aim is another question.
  for (const char* method : {"grad-cam", "hirescam"}) {
    Tensor expected = map_of(method, {.classes = {1, 4}});
    const Tensor of_other = map_of(method, {.classes = {2, 2}});
    for (std::size_t i = 0; i < expected.values().size(); ++i) expected.values()[i] -= of_other.values()[i];
    CHECK(relative_error(map_of(method, {.classes = {1, 4}, .others = {{2}}}), expected) <= tolerance);
  }
  Explanation explanation(network, context, random_tensor({2, 3, 13, 18}, "layer_maps.x"), {layer}, false);
  const Target probability{.classes = {1, 4}, .aim = Aim::probability};
  CHECK(same_result(context.to_host(explanation.grad_cam(layer, explanation.target(probability)).map),
                    map_of("grad-cam", probability)));
}

TEST_CASE("targets: of one's own, likeness to a vector and a class within a mask are the packages'" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const double tolerance = tolerance_on(context.device(), 1e-5);
  const Tensor x = random_tensor({2, 3, 13, 18}, "layer_maps.x");
  const auto map_of = [](Probe& probe, NodeId layer, const Target& target) {
    const std::vector<Result> results = find_method("grad-cam").explain(probe, {target, layer});
    const Shape& one = results[0].map->map.shape();
    Tensor both({2, one[0], one[1]});
    float* to = both.data<float>();
    for (const Result& result : results) to = std::ranges::copy(result.map->map.values(), to).out;
    return both;
  };
  const Network pooled = placed(small_residual_network(), context);
  const NodeId layer = pooled.find("block.relu"), features = pooled.find("avgpool");
  Probe probe(pooled, context, x.clone(), {layer, features}, true);
  Tensor like({8});
  fill(like, "targets.like", 0, 1);
  Target target{.own = std::make_shared<const OwnTarget>(
                    similarity(features, probe.activation(features), like.values()))};
  const Tensor alike = map_of(probe, layer, target), value = golden("targets", "similarity.value");
  CHECK(relative_error(alike, golden("targets", "similarity.map")) <= tolerance);
  for (std::size_t n = 0; n < 2; ++n) CHECK(std::abs(probe.values(target)[n] - value.values()[n]) <= 1e-6);
  const Tensor score = map_of(probe, layer, {.classes = {1, 4}});
  CHECK_FALSE(same_bits(score, alike));
  target.direction = Direction::counterfactual;
  Tensor negated = alike.clone();
  for (float& v : negated.values()) v = -v;
  CHECK(same_bits(map_of(probe, layer, target), negated));
  CHECK(probe.values(target)[0] == -target.own->values[0]);
  CHECK_THROWS_WITH_AS(find_method("integrated-gradients").explain(probe, {target}),
                       doctest::Contains("known of the picture alone"), Error);

  const Network dense = placed(small_dense_network(), context);
  const NodeId shallow = dense.find("relu1"), last = dense.find("relu2");
  Probe other(dense, context, x.clone(), {shallow, last}, false);
  Tensor mask({6, 9});
  fill(mask, "targets.mask", 0, 1);
  const std::vector<std::int64_t> channels{3, 3};
  const Target masked{
      .own = std::make_shared<const OwnTarget>(masked_sum(last, other.activation(last), channels, mask))};
  CHECK(relative_error(map_of(other, shallow, masked), golden("targets", "mask.map")) <= tolerance);

  const Tensor v = Tensor::from({1, 2}, std::vector<float>{3, 4}), none = Tensor::zeros({1, 2});
  const std::vector<float> u{4, 3}, short_u{1}, zero{0, 0};
  CHECK(std::abs(similarity(0, v, u).values[0] - 24.0 / 25) <= 1e-12);
  CHECK_THROWS_WITH_AS(similarity(0, v, short_u), doctest::Contains("has 1 values"), Error);
  CHECK_THROWS_WITH_AS(similarity(0, v, zero), doctest::Contains("has the length 0"), Error);
  CHECK_THROWS_WITH_AS(similarity(0, none, u), doctest::Contains("no direction"), Error);
  CHECK_THROWS_WITH_AS(masked_sum(0, v, channels, mask), doctest::Contains("expected N×C×H×W"), Error);
  const Tensor y = Tensor::zeros({2, 3, 6, 9});
  CHECK_THROWS_WITH_AS(masked_sum(0, y, channels, mask), doctest::Contains("classes 0 to 2"), Error);
}
