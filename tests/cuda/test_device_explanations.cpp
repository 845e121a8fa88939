// Explanations on two devices: the bits do not depend on which of them computes, nor on what the other does.
#include <doctest/doctest.h>

#include <array>
#include <future>
#include <memory>
#include <vector>

#include "cuda_device.hpp"
#include "engine/explain/explanation_graph.hpp"
#include "engine/run/run.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const Shape kInput{1, 3, 10, 9};

/// A network in the memory of one device, and a context there.
struct Placed {
  explicit Placed(int device) : context(cuda_device(device), 1), network(residual_network()) {
    network.to(context);
  }
  Context context;
  Network network;
};

struct Result {
  Tensor map, gradient;
};

Result explain(Placed& on, const Tensor& x) {
  const NodeId layer = on.network.find("layer1");
  Explanation explanation(on.network, on.context, x.clone(), {layer}, true);
  const Seed target = explanation.target(std::vector<std::int64_t>{2});
  const ClassMap map = explanation.grad_cam(layer, target);
  return {on.context.to_host(map.map),
          on.context.to_host(explanation.gradient(target, BackwardRule::guided))};
}

Result replay(Placed& on, const Tensor& x) {
  ExplanationGraph graph(on.network, kInput,
                         {.layer = on.network.find("layer1"), .gradient = BackwardRule::guided},
                         on.context.device());
  const std::vector<std::int64_t> classes{2};
  graph.run(x, classes);
  const ExplanationGraph::Result& result = graph.run(x, classes);
  return {graph.context().to_host(result.map.map), graph.context().to_host(result.gradient)};
}

bool same(const Result& a, const Result& b) {
  return same_bits(a.map, b.map) && same_bits(a.gradient, b.gradient);
}

}  // namespace

TEST_CASE("devices: explanations that take turns on two devices have the same bits") {
  in_every_mode(
      [] {
        Placed zero(0), one(1);
        const Tensor x = random_tensor(kInput, "devices.x"), other = random_tensor(kInput, "devices.other");
        const Result expected = explain(zero, x);
        CHECK(same(explain(one, x), expected));
        CHECK_FALSE(same(explain(zero, other), expected));
        CHECK(same(explain(one, x), expected));
        CHECK(same(explain(zero, x), expected));
      },
      2);
}

TEST_CASE("devices: layers of two passes that alternate between devices do not meet") {
  in_every_mode(
      [] {
        Placed zero(0), one(1);
        const Tensor x = random_tensor(kInput, "devices.x");
        const NodeId out = zero.network.output();
        const std::vector<NodeId> wrt{0};
        Run a(zero.network, zero.context, x.clone(), {.gradients_at = wrt});
        Run b(one.network, one.context, x.clone(), {.gradients_at = wrt});
        const auto gradient = [&](Run& pass, const Context& context) {
          std::vector<Seed> seeds;
          seeds.push_back(one_hot(out, pass.value(out).shape(), std::vector<std::int64_t>{1}));
          return context.to_host(pass.backward(seeds, {.wrt = wrt}).nodes.at(0));
        };
        CHECK(same_bits(one.context.to_host(b.value(out)), zero.context.to_host(a.value(out))));
        const Tensor da = gradient(a, zero.context), db = gradient(b, one.context);
        CHECK(same_bits(da, db));
      },
      2);
}

TEST_CASE("devices: explanations in two threads with a device each have the same bits") {
  in_every_mode(
      [] {
        const Tensor x = random_tensor(kInput, "devices.x");
        const auto work = [&x](int device) {
          Placed on(device);
          return explain(on, x);
        };
        std::future<Result> zero = std::async(std::launch::async, work, 0);
        std::future<Result> one = std::async(std::launch::async, work, 1);
        CHECK(same(zero.get(), one.get()));
      },
      2);
}

TEST_CASE("devices: a recorded explanation on another device gives the same bits") {
  in_every_mode(
      [] {
        Placed zero(0), one(1);
        const Tensor x = random_tensor(kInput, "devices.x");
        const Result expected = explain(zero, x);
        CHECK(same(replay(one, x), expected));
        CHECK(same(replay(zero, x), expected));
      },
      2);
}

TEST_CASE("devices: two threads record and replay an explanation at the same time") {
  in_every_mode(
      [] {
        const Tensor x = random_tensor(kInput, "devices.x");
        const auto work = [&x](int device) {
          Placed on(device);
          return replay(on, x);
        };
        std::future<Result> zero = std::async(std::launch::async, work, 0);
        std::future<Result> one = std::async(std::launch::async, work, 1);
        CHECK(same(zero.get(), one.get()));
      },
      2);
}

TEST_CASE("devices: a picture on another device is copied before it is explained") {
  in_every_mode(
      [] {
        Placed zero(0), one(1);
        const Tensor x = random_tensor(kInput, "devices.x");
        Tensor there = one.context.copy(x);
        one.context.synchronize();
        const NodeId out = zero.network.output();
        Run pass(zero.network, zero.context, std::move(there), {});
        Run expected(zero.network, zero.context, x.clone(), {});
        CHECK(same_bits(zero.context.to_host(pass.value(out)), zero.context.to_host(expected.value(out))));
      },
      2);
}

TEST_CASE("devices: a network moves from one device to another") {
  in_every_mode(
      [] {
        Placed zero(0);
        const Tensor x = random_tensor(kInput, "devices.x");
        const Result expected = explain(zero, x);
        Placed moved(0);
        moved.context.synchronize();
        moved.context = Context(cuda_device(1), 1);
        moved.network.to(moved.context);
        for (const NamedParameter& p : zero.network.parameters()) CHECK(p.tensor->device() == 0);
        for (const NamedParameter& p : moved.network.parameters()) CHECK(p.tensor->device() == 1);
        CHECK(same(explain(moved, x), expected));
      },
      2);
}

TEST_CASE("devices: a network of one device is refused on another") {
  in_every_mode(
      [] {
        Placed zero(0);
        Context one(cuda_device(1), 1);
        CHECK_THROWS_WITH_AS(
            Run(zero.network, one, random_tensor(kInput, "devices.x"), {}),
            "the network's parameter 'stem.conv.weight' does not lie in the memory of cuda:1, "
            "where it is used: call Network::to(context) first",
            Error);
        CHECK_THROWS_WITH_AS(
            ExplanationGraph(zero.network, kInput, {.layer = zero.network.find("layer1")}, cuda_device(1)),
            doctest::Contains("does not lie in the memory of cuda:1"), Error);
      },
      2);
}
