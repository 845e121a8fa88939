#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "attribution/small_network.hpp"
#include "cuda_device.hpp"
#include "engine/explain/explanation_graph.hpp"
#include "engine/runtime/cuda/backend.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr Device kCuda{Device::Kind::cuda};

Tensor picture(const std::string& name) { return random_tensor({2, 3, 14, 11}, name); }

Network placed(Network network) {
  network.to(Context(kCuda, 1));
  return network;
}

struct Expected {
  Tensor scores, alpha, map, gradient;
};

/// The same explanation, layer by layer.
Expected explain(const Network& network, NodeId layer, const Tensor& x, std::vector<std::int64_t> classes,
                 Direction direction = Direction::evidence) {
  Context context(kCuda, 1);
  Explanation explanation(network, context, x.clone(), {layer}, true);
  const Seed target = explanation.target(classes, direction);
  const ClassMap map = explanation.grad_cam(layer, target);
  return {context.to_host(explanation.scores()), context.to_host(map.alpha), context.to_host(map.map),
          context.to_host(explanation.gradient(target, BackwardRule::guided))};
}

void check_same(ExplanationGraph& graph, const ExplanationGraph::Result& result, const Expected& expected) {
  Context& context = graph.context();
  CHECK(same_bits(context.to_host(result.scores), expected.scores));
  CHECK(same_bits(context.to_host(result.alpha), expected.alpha));
  CHECK(same_bits(context.to_host(result.map.map), expected.map));
  CHECK(same_bits(context.to_host(result.gradient), expected.gradient));
}

std::vector<std::int64_t> best_of(const Tensor& scores) {
  std::vector<std::int64_t> best;
  for (std::int64_t n = 0; n < scores.shape()[0]; ++n) {
    const float* row = scores.data<float>() + n * scores.shape()[1];
    best.push_back(std::max_element(row, row + scores.shape()[1]) - row);
  }
  return best;
}

}  // namespace

TEST_CASE("explanation graph: every replay gives the bits of the same explanation layer by layer") {
  in_every_mode([] {
    const Network network = placed(residual_network());
    const NodeId layer = network.find("layer1");
    ExplanationGraph graph(network, {2, 3, 14, 11}, {.layer = layer, .gradient = BackwardRule::guided},
                           kCuda);
    for (const std::string name : {"graph.a", "graph.b"}) {
      const std::vector<std::int64_t> classes{name == "graph.a" ? 1 : 4, 2};
      const Tensor x = picture(name);
      check_same(graph, graph.run(x, classes), explain(network, layer, x, classes));
    }
  });
}

TEST_CASE("explanation graph: the best class of every image is found on the device") {
  in_every_mode([] {
    const Network network = placed(small_residual_network());
    const NodeId layer = network.find("block");
    ExplanationGraph graph(network, {2, 3, 14, 11},
                           {.layer = layer,
                            .gradient = BackwardRule::guided,
                            .best_class = true,
                            .direction = Direction::counterfactual},
                           kCuda);
    const Tensor x = picture("graph.best");
    const auto& result = graph.run(x);
    const std::vector<std::int64_t> best = best_of(graph.context().to_host(result.scores));
    CHECK(values_of<std::int64_t>(graph.context(), result.classes) == best);
    check_same(graph, result, explain(network, layer, x, best, Direction::counterfactual));
  });
}

TEST_CASE("explanation graph: from photographs to pictures in one replay as the host would step by step") {
  const Preprocessing how{.input_size = 24, .resize_size = 28};
  Image wide(40, 30), tall(26, 51);
  for (Image* image : {&wide, &tall})
    for (std::size_t i = 0; i < image->rgb.size(); ++i)
      image->rgb[i] =
          static_cast<std::uint8_t>(random_bits(static_cast<std::uint64_t>(image->width), i) % 256);
  in_every_mode([&] {
    const Network network = placed(small_residual_network());
    const NodeId layer = network.find("block");
    ExplanationGraph graph(
        network, {1, 3, 24, 24},
        {.layer = layer, .gradient = BackwardRule::guided, .display = Preset::pytorch_grad_cam}, kCuda);
    Context& context = graph.context();
    for (const Image* image : {&wide, &tall}) {
      const std::vector<std::int64_t> classes{image == &wide ? 2 : 0};
      preprocess_on_device(context, *image, how, Fit::crop, graph.input(), 0);
      const auto& result = graph.run(classes);

      const Fitted fitted = preprocess(*image, how);
      check_same(graph, result, explain(network, layer, fitted.x, classes));
      const Tensor map = context.to_host(result.map.map).reshaped({12, 12});
      CHECK_NOTHROW(require_finite(context.to_host(result.map.extrema).records<Extrema>()));
      Placement whole;
      whole.input_width = whole.input_height = whole.source_width = whole.source_height = 24;
      CHECK(values_of<std::uint8_t>(context, result.display.overlay) ==
            overlay(fitted.seen, map, whole, Preset::pytorch_grad_cam).rgb);
      const Tensor product = guided_product(context.to_host(result.gradient).reshaped({3, 24, 24}), map,
                                            Preset::pytorch_grad_cam);
      CHECK(same_bits(context.to_host(result.display.product).reshaped({3, 24, 24}), product));
      const std::vector<std::uint8_t> found = values_of<std::uint8_t>(context, result.saliency.pictures);
      const Image expected = saliency(product, Preset::pytorch_grad_cam);
      REQUIRE(found.size() == expected.rgb.size());
      int worst = 0;  // its mean and deviation are sums in another order
      for (std::size_t i = 0; i < found.size(); ++i)
        worst = std::max(worst, std::abs(found[i] - expected.rgb[i]));
      CHECK(worst <= 1);
    }
  });
}

TEST_CASE("explanation graph: recording and replaying allocate nothing beyond the first explanation") {
  const FreshDevice device;
  const Network network = placed(residual_network());
  ExplanationGraph graph(network, {2, 3, 14, 11}, {.layer = network.find("layer1")}, kCuda);
  const std::size_t before = graph.context().memory().bytes_in_use();
  std::size_t free_before = 0, free_after = 0, total = 0;
  const Tensor x = picture("graph.a");
  graph.run(x, std::vector<std::int64_t>{0, 1});
  graph.context().synchronize();
  REQUIRE(cudaMemGetInfo(&free_before, &total) == cudaSuccess);
  for (int i = 0; i < 3; ++i) graph.run(x, std::vector<std::int64_t>{0, 1});
  graph.context().synchronize();
  REQUIRE(cudaMemGetInfo(&free_after, &total) == cudaSuccess);
  CHECK(free_after == free_before);
  CHECK(graph.context().memory().bytes_in_use() == before);
}

TEST_CASE("explanation graph: what is allocated from its context later is not what it recorded") {
  in_every_mode([] {
    const Network network = placed(residual_network());
    ExplanationGraph graph(network, {2, 3, 14, 11},
                           {.layer = network.find("layer1"), .gradient = BackwardRule::guided}, kCuda);
    Context& context = graph.context();
    std::vector<Tensor> expected, kept;
    for (const Shape& shape : network.shapes({2, 3, 14, 11})) {  // every size that it used
      expected.push_back(random_tensor(shape, "graph.kept"));
      kept.push_back(context.copy(expected.back()));
    }
    graph.run(picture("graph.a"), std::vector<std::int64_t>{0, 1});
    for (std::size_t i = 0; i < kept.size(); ++i) CHECK(same_bits(context.to_host(kept[i]), expected[i]));
  });
}

TEST_CASE("explanation graph: pictures of ever other sizes leave nothing behind") {
  const FreshDevice device;
  const Preprocessing how{.input_size = 24, .resize_size = 28};
  const Network network = placed(small_residual_network());
  ExplanationGraph graph(network, {1, 3, 24, 24}, {.layer = network.find("block")}, kCuda);
  const auto free_after = [&](int side) {
    preprocess_on_device(graph.context(), Image(side, side + 3, 50), how, Fit::crop, graph.input(), 0);
    graph.context().synchronize();
    std::size_t free = 0, total = 0;
    REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
    return free;
  };
  const std::size_t first = free_after(50);  // the largest, for what a driver keeps
  for (int side = 49; side > 30; --side) CHECK(free_after(side) == first);
}

TEST_CASE("explanation graph: new values of the parameters are used by the next replay") {
  const FreshDevice device;
  Network network = placed(small_residual_network());
  const NodeId layer = network.find("block");
  ExplanationGraph graph(network, {2, 3, 14, 11}, {.layer = layer, .gradient = BackwardRule::guided}, kCuda);
  Context context(kCuda, 1);
  for (NamedParameter& p : network.parameters())
    context.copy(random_tensor(p.tensor->shape(), p.name + ".other", -0.4, 0.4), *p.tensor);
  context.synchronize();
  const Tensor x = picture("graph.a");
  const std::vector<std::int64_t> classes{3, 0};
  check_same(graph, graph.run(x, classes), explain(network, layer, x, classes));
}

TEST_CASE("explanation graph: what was not recorded is refused") {
  const FreshDevice device;
  const Network network = placed(small_residual_network());
  const NodeId layer = network.find("block");
  ExplanationGraph graph(network, {2, 3, 14, 11}, {.layer = layer}, kCuda);
  const Tensor x = picture("graph.a");
  const std::vector<std::int64_t> fine{0, 1}, outside{0, 5}, one{0};
  CHECK_FALSE(graph.run(x, fine).gradient.defined());
  CHECK_THROWS_WITH_AS(graph.run(x, outside), "class 5 was asked for, but the network has classes 0 to 4",
                       Error);
  CHECK_THROWS_WITH_AS(graph.run(x, one), "1 classes were given, expected 2, one per image", Error);
  CHECK_THROWS_WITH_AS(graph.run(random_tensor({1, 3, 14, 11}, "x"), fine),
                       doctest::Contains("recorded for float32 2×3×14×11"), Error);
  CHECK_THROWS_WITH_AS(ExplanationGraph(network, {2, 3, 14, 11}, {.layer = layer}, Device{}),
                       doctest::Contains("not on cpu"), Error);
  CHECK_THROWS_WITH_AS(ExplanationGraph(network, {2, 3, 14, 11}, {.layer = network.find("fc")}, kCuda),
                       doctest::Contains("Grad-CAM cannot use layer 'fc'"), Error);
  CHECK_THROWS_WITH_AS(
      ExplanationGraph(network, {2, 3, 14, 11}, {.layer = layer, .display = Preset::captum}, kCuda),
      doctest::Contains("captum is not supported on CUDA"), Error);
  CHECK_THROWS_WITH_AS(ExplanationGraph(network, {2, 4, 14, 11}, {.layer = layer}, kCuda),
                       doctest::Contains("the network's input is 2×4×14×11"), Error);
  CHECK_THROWS_WITH_AS(ExplanationGraph(small_residual_network(), {2, 3, 14, 11}, {.layer = layer}, kCuda),
                       doctest::Contains("call Network::to(context) first"), Error);
}

TEST_CASE("capture: an exception leaves the stream as it was") {
  const FreshDevice device;
  Context context(kCuda, 1);
  const MemoryPool* const own = &context.memory();
  const auto fail = [] { throw Error(ErrorKind::usage, "halfway"); };
  CHECK_THROWS_WITH_AS(context.record([] {}, fail), "halfway", Error);
  CHECK_THROWS_WITH_AS(context.record(fail, [] {}), "halfway", Error);
  CHECK(&context.memory() == own);
  const Tensor x = picture("graph.a");
  CHECK(same_bits(context.to_host(context.copy(x)), x));
}
