#include <doctest/doctest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/explanation.hpp"
#include "kernels/layers.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/fill_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<std::int64_t> classes_of(std::initializer_list<std::int64_t> classes) { return classes; }

/// Image n of a batch as a batch of one.
Tensor slice(const Tensor& batch, std::int64_t n) {
  const std::int64_t size = batch.numel() / batch.shape()[0];
  return Tensor::from(batch.shape().with(0, 1), batch.values().subspan(static_cast<std::size_t>(n * size),
                                                                       static_cast<std::size_t>(size)));
}

Tensor scaled(const Tensor& tensor, float factor) {
  Tensor result = tensor.clone();
  for (float& v : result.values()) v *= factor;
  return result;
}

ClassMap to_host(const Context& context, const ClassMap& maps) {
  return {context.to_host(maps.alpha), context.to_host(maps.map)};
}

}  // namespace

TEST_CASE("grad-cam: equals a double loop over the paper's equations" * doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block");
  Explanation explanation(network, context, random_tensor({2, 3, 13, 18}, "explanation.x"), {layer}, false);
  const ClassMap cam = to_host(context, explanation.grad_cam(layer, explanation.target(classes_of({1, 4}))));

  Run pass(network, context, random_tensor({2, 3, 13, 18}, "explanation.x"),
           {.keep = {layer}, .gradients_at = {layer}});
  const Gradients gradients = test::to_host(
      context, pass.backward(one_hot(network.output(), {2, 5}, classes_of({1, 4})), {.wrt = {layer}}));
  const Tensor activations = context.to_host(pass.value(layer));
  const Shape& shape = pass.shape(layer);
  const std::int64_t plane = shape[2] * shape[3];
  Tensor alpha({2, 8}), map({2, shape[2], shape[3]});
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t i = 0; i < plane; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < 8; ++k) {
        double mean = 0;
        for (std::int64_t j = 0; j < plane; ++j)
          mean += static_cast<double>(gradients.nodes.at(layer).values()[(n * 8 + k) * plane + j]) /
                  static_cast<double>(plane);
        alpha.values()[n * 8 + k] = static_cast<float>(mean);
        sum += mean * static_cast<double>(activations.values()[(n * 8 + k) * plane + i]);
      }
      map.values()[n * plane + i] = static_cast<float>(sum);
    }
  const double tolerance = tolerance_on(test_device(), 1e-6);
  CHECK(relative_error(cam.alpha, alpha) <= tolerance);
  CHECK(relative_error(cam.map, map) <= tolerance);
}

TEST_CASE("grad-cam: the sum instead of the mean scales the map by its plane" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block");
  Explanation explanation(network, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {layer}, false);
  const Seed target = explanation.target(classes_of({2}));
  const ClassMap mean = to_host(context, explanation.grad_cam(layer, target));
  const ClassMap sum = to_host(context, explanation.grad_cam(layer, target, AlphaReduction::sum));
  CHECK(relative_error(sum.map, scaled(mean.map, 64)) <= 1e-6);
}

TEST_CASE("cam: equals grad-cam times the plane on a residual network" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const auto head = find_cam_head(network);
  REQUIRE(head.has_value());
  CHECK(head->features == network.find("block"));
  CHECK(head->classifier == network.find("fc"));
  Explanation explanation(network, context, random_tensor({2, 3, 17, 9}, "explanation.x"), {head->features},
                          false);
  const auto classes = classes_of({0, 3});
  const ClassMap cam = to_host(context, explanation.cam(classes));
  const ClassMap grad_cam =
      to_host(context, explanation.grad_cam(head->features, explanation.target(classes)));
  const float plane = static_cast<float>(cam.map.shape()[1] * cam.map.shape()[2]);
  const double tolerance = tolerance_on(test_device(), 1e-6);
  CHECK(relative_error(cam.map, scaled(grad_cam.map, plane)) <= tolerance);
  CHECK(relative_error(cam.alpha, scaled(grad_cam.alpha, plane)) <= tolerance);
}

TEST_CASE("counterfactual: the negated score gives the negated map" * doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block");
  Explanation explanation(network, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {layer}, true);
  const auto classes = classes_of({2});
  const Seed evidence = explanation.target(classes);
  const Seed counterfactual = explanation.target(classes, Direction::counterfactual);
  const auto host = [&](const Tensor& tensor) { return context.to_host(tensor); };
  CHECK(same_bits(host(explanation.grad_cam(layer, counterfactual).map),
                  scaled(host(explanation.grad_cam(layer, evidence).map), -1)));
  CHECK(same_bits(host(explanation.cam(classes, Direction::counterfactual).map),
                  scaled(host(explanation.cam(classes).map), -1)));
  CHECK(relative_error(host(explanation.gradient(counterfactual, BackwardRule::standard)),
                       scaled(host(explanation.gradient(evidence, BackwardRule::standard)), -1)) <= 1e-6);
}

TEST_CASE("explanation: a batch gives the bits of its images one by one for every method" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block");
  const Tensor x = random_tensor({3, 3, 15, 11}, "explanation.batch");
  const auto classes = classes_of({4, 0, 2});
  Explanation batch(network, context, x.clone(), {layer}, true);
  const Seed target = batch.target(classes);
  const auto host = [&](const Tensor& tensor) { return context.to_host(tensor); };
  const Tensor cam = host(batch.grad_cam(layer, target).map);
  const Tensor zhou = host(batch.cam(classes).map);
  for (std::int64_t n = 0; n < 3; ++n) {
    Explanation single(network, context, slice(x, n), {layer}, true);
    const auto one = classes_of({classes[static_cast<std::size_t>(n)]});
    const Seed one_target = single.target(one);
    CHECK(same_result(host(single.scores()), slice(host(batch.scores()), n)));
    CHECK(same_result(host(single.grad_cam(layer, one_target).map), slice(cam, n)));
    CHECK(same_result(host(single.cam(one).map), slice(zhou, n)));
    for (const BackwardRule rule : {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided})
      CHECK(
          same_result(host(single.gradient(one_target, rule)), slice(host(batch.gradient(target, rule)), n)));
  }
}

TEST_CASE("explanation: repeating and reordering the questions changes no bit" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const Network network = placed(small_residual_network(), context);
  const NodeId layer = network.find("block"), inner = network.find("block.relu");
  Explanation explanation(network, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {layer, inner},
                          true);
  const Seed target = explanation.target(classes_of({1}));
  const auto host = [&](const Tensor& tensor) { return context.to_host(tensor); };
  const Tensor first = host(explanation.gradient(target, BackwardRule::guided));
  const Tensor map = host(explanation.grad_cam(inner, target).map);
  explanation.gradient(target, BackwardRule::deconvnet);
  explanation.grad_cam(layer, target);
  CHECK(same_bits(first, host(explanation.gradient(target, BackwardRule::guided))));
  CHECK(same_bits(map, host(explanation.grad_cam(inner, target).map)));
}

TEST_CASE("explanation: the score is taken before a final softmax" * doctest::test_suite("device")) {
  Network network = small_residual_network();
  network.add("softmax", softmax());
  CHECK(network.node(score_node(network)).name == "fc");
  CHECK(find_cam_head(network).has_value());
  Context context = test_context();
  network.to(context);
  const Network plain = placed(small_residual_network(), context);
  const NodeId layer = network.find("block");
  Explanation a(network, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {layer}, false);
  Explanation b(plain, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {layer}, false);
  CHECK(same_bits(context.to_host(a.grad_cam(layer, a.target(classes_of({1}))).map),
                  context.to_host(b.grad_cam(layer, b.target(classes_of({1}))).map)));
}

TEST_CASE("explanation: threads with a context each explain with one network and get the same bits") {
  const Network network = small_residual_network();
  const NodeId layer = network.find("block");
  const auto explain = [&](int threads) {
    Context context({}, threads);
    Explanation explanation(network, context, random_tensor({1, 3, 32, 32}, "explanation.x"), {layer}, true);
    const Seed target = explanation.target(classes_of({3}));
    std::vector<Tensor> results;
    results.push_back(explanation.grad_cam(layer, target).map);
    results.push_back(explanation.gradient(target, BackwardRule::guided));
    return results;
  };
  const std::vector<Tensor> expected = explain(1);
  std::vector<std::vector<Tensor>> results(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i)
    threads.emplace_back([&, i] { results[i] = explain(1 + static_cast<int>(i % 2)); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) {
    CHECK(same_bits(result[0], expected[0]));
    CHECK(same_bits(result[1], expected[1]));
  }
}

TEST_CASE("cam: a head of one 1×1 convolution weighs the features by its rows" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const auto ends_in = [&](const Conv2dOptions& last) {
    Network network(3);
    network.add("conv", conv2d(3, 8, {.kernel = 3, .padding = 1}));
    network.add("relu", relu());
    network.add("dropout", dropout());
    network.add("scores", conv2d(8, 4, last));
    network.add("scores.relu", relu());
    network.add("pool", adaptive_avg_pool2d(1));
    network.add("flatten", flatten());
    fill_network(network, context);
    return network;
  };
  Network host = ends_in({.kernel = 1});
  const Tensor weight = [&] {
    for (const NamedParameter& p : host.parameters())
      if (p.name == "scores.weight") return p.tensor->clone();
    return Tensor();
  }();
  const Network network = placed(std::move(host), context);
  const auto head = find_cam_head(network);
  REQUIRE(head.has_value());
  CHECK(network.node(head->features).name == "relu");
  CHECK(network.node(head->classifier).name == "scores");
  Explanation explanation(network, context, random_tensor({1, 3, 9, 7}, "cam.x"), {head->features}, false);
  const ClassMap cam = to_host(context, explanation.cam(classes_of({2})));
  const Tensor features = context.to_host(explanation.activations(head->features));
  Tensor expected = Tensor::zeros({1, 9, 7});
  for (std::size_t k = 0; k < 8; ++k)
    for (std::size_t i = 0; i < 63; ++i)
      expected.values()[i] += weight.values()[2 * 8 + k] * features.values()[k * 63 + i];
  CHECK(relative_error(cam.map, expected) <= tolerance_on(test_device(), 1e-6));

  for (const Conv2dOptions& other : {Conv2dOptions{.kernel = 3, .padding = 1},
                                     {.kernel = 1, .stride = 2},
                                     {.kernel = 1, .padding = 1},
                                     {.kernel = 1, .groups = 2},
                                     {.kernel = 1, .stride = 2, .padding = 2}})
    CHECK_FALSE(find_cam_head(ends_in(other)).has_value());
  Network pool_alone(3);
  pool_alone.add("pool", adaptive_avg_pool2d(1));
  CHECK_FALSE(find_cam_head(pool_alone).has_value());
}

TEST_CASE("explanation: what cannot be explained is refused with the reason" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_residual_network(), context);
  const auto explain_at = [&](NodeId layer) {
    Explanation(network, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {layer}, false);
  };
  CHECK_THROWS_WITH_AS(explain_at(network.find("fc")), doctest::Contains("'fc': its value is 1×5"), Error);
  CHECK_THROWS_WITH_AS(explain_at(network.input()), doctest::Contains("it is the input"), Error);
  Explanation explanation(network, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {}, false);
  CHECK_THROWS_WITH_AS(explanation.target(classes_of({5})), doctest::Contains("classes 0 to 4"), Error);
  CHECK_THROWS_WITH_AS(explanation.target(classes_of({1, 2})), doctest::Contains("one per row"), Error);

  Network two_linear = small_residual_network();
  two_linear.add("fc2", linear(5, 5));
  two_linear.to(context);
  CHECK_FALSE(find_cam_head(two_linear).has_value());
  Explanation other(two_linear, context, random_tensor({1, 3, 16, 16}, "explanation.x"), {}, false);
  CHECK_THROWS_WITH_AS(other.cam(classes_of({1})), doctest::Contains("global average pooling"), Error);
}
