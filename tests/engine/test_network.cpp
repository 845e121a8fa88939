#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <utility>

#include "engine/graph/network.hpp"
#include "engine/run/run.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Twelve children in layer2, so that counting them is not the same as sorting their names.
Network numbered_network() {
  Network network(1);
  network.add("layer1.0.relu", relu());
  network.add("layer1.1.relu", relu());
  network.add("layer1.1.pool", avg_pool2d({.kernel = 1}));
  for (int i = 0; i < 12; ++i) network.add("layer2." + std::to_string(i) + ".relu", relu());
  network.add("layer20.relu", relu());
  return network;
}

std::string found(const Network& network, std::string_view path) {
  return network.node(network.find(path)).name;
}

}  // namespace

TEST_CASE("network find: takes a node's name and a module's path") {
  const Network network = numbered_network();
  CHECK(found(network, "input") == "input");
  CHECK(found(network, "layer1.0.relu") == "layer1.0.relu");
  CHECK(found(network, "layer1.1") == "layer1.1.pool");
  CHECK(found(network, "layer1") == "layer1.1.pool");
  CHECK(found(network, "layer2") == "layer2.11.relu");
}

TEST_CASE("network find: counts a module's children from either end") {
  const Network network = numbered_network();
  CHECK(found(network, "layer1[0]") == "layer1.0.relu");
  CHECK(found(network, "layer1[-1]") == "layer1.1.pool");
  CHECK(found(network, "layer1[-2].relu") == "layer1.0.relu");
  CHECK(found(network, "layer2[-1]") == "layer2.11.relu");
  CHECK(found(network, "layer2[-12].relu") == "layer2.0.relu");

  Network last(1);
  last.add("x.2147483647", relu());
  CHECK_THROWS_WITH_AS(last.find("x[-2147483648]"), doctest::Contains("no layer 'x[-2147483648]'"), Error);
  CHECK(found(last, "x[-1]") == "x.2147483647");
}

TEST_CASE("network find: an unknown name is refused with the nearest ones") {
  const Network network = numbered_network();
  CHECK_THROWS_WITH_AS(network.find("layer1.0.rleu"), doctest::Contains("layer1.0.relu"), Error);
  CHECK_THROWS_WITH_AS(network.find("layer3"), doctest::Contains("the network has no layer 'layer3'"), Error);
  for (const char* name : {"", ".", "layer1[", "layer1[]", "layer1[x]", "layer1[2]", "layer1[-3]",
                           "layer1[99999999999]", "layer1[0", "layer", "[0]", "layer1[0][0]"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(network.find(name), Error);
  }
}

TEST_CASE("network add: refuses a taken name and inputs that do not exist") {
  Network network(1);
  network.add("relu", relu());
  CHECK_THROWS_WITH_AS(network.add("relu", relu()), "the network already has a node named 'relu'", Error);
  CHECK_THROWS_AS(network.add("input", relu()), Error);
  CHECK_THROWS_WITH_AS(network.add("sum", add(), {0, 2}), "node 'sum' reads node 2, but only 2 exist", Error);
  CHECK_THROWS_AS(network.add("sum", add(), {0, -1}), Error);
  CHECK_THROWS_AS(network.add("", relu()), Error);
  CHECK_THROWS_AS(network.add("none", nullptr), Error);
  CHECK(network.size() == 2);
}

TEST_CASE("network shapes: an odd input flows through") {
  const Network network = residual_network();
  const auto shapes = network.shapes({3, 3, 13, 8});
  CHECK(shapes[static_cast<std::size_t>(network.find("stem.relu"))] == Shape{3, 4, 13, 8});
  CHECK(shapes[static_cast<std::size_t>(network.find("layer1"))] == Shape{3, 6, 7, 4});
  CHECK(shapes.back() == Shape{3, 5});
}

TEST_CASE("network shapes: the error names the node that refuses and the network's input") {
  Network network(3);
  network.add("conv", conv2d(3, 4, {.kernel = 3}));
  network.add("pool", max_pool2d({.kernel = 2}));
  network.add("flatten", flatten());
  network.add("fc", linear(16, 5));
  CHECK(network.shapes({1, 3, 6, 6}).back() == Shape{1, 5});
  CHECK_THROWS_WITH_AS(network.shapes({1, 3, 3, 6}), doctest::Contains("pool: [max_pool2d] x is 1×4×1×4"),
                       Error);
  CHECK_THROWS_WITH_AS(network.shapes({1, 3, 3, 6}), doctest::Contains("network input 1×3×3×6"), Error);
  CHECK_THROWS_WITH_AS(network.shapes({1, 3, 8, 6}), doctest::Contains("fc: [linear] x is 1×24"), Error);
  CHECK_THROWS_WITH_AS(network.shapes({1, 1, 6, 6}),
                       "the network's input is 1×1×6×6, expected N×3×H×W without an empty extent", Error);
  CHECK_THROWS_AS(network.shapes({0, 3, 6, 6}), Error);
  CHECK_THROWS_AS(network.shapes({3, 6, 6}), Error);
}

TEST_CASE("network parameters: carry PyTorch's names and running statistics do not count") {
  Network network(3);
  network.add("features.0", conv2d(3, 4, {.kernel = 3}));
  network.add("features.1", batch_norm2d(4));
  std::string names;
  for (const NamedParameter& p : network.parameters()) names += p.name + (p.trainable ? " " : "* ");
  CHECK(names ==
        "features.0.weight features.0.bias features.1.weight features.1.bias features.1.running_mean* "
        "features.1.running_var* ");
  CHECK(network.parameter_count() == 4 * 27 + 4 + 8);
  CHECK(network.parameter_count(2) == 8);
  CHECK(network.parameter_count(network.input()) == 0);
}

static_assert(std::is_same_v<decltype(std::declval<Network&>().parameters().front().tensor), Tensor*>);
static_assert(
    std::is_same_v<decltype(std::declval<const Network&>().parameters().front().tensor), const Tensor*>);

TEST_CASE("network parameters: those of a network that is only read are the same tensors") {
  Network network = residual_network();
  const Network& read = network;
  const std::vector<NamedParameter> all = network.parameters();
  const std::vector<ConstNamedParameter> seen = read.parameters();
  REQUIRE(seen.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(seen[i].name == all[i].name);
    CHECK(seen[i].tensor == all[i].tensor);
    CHECK(seen[i].trainable == all[i].trainable);
    CHECK(seen[i].node == all[i].node);
  }
}

TEST_CASE("network to: computes in double what it computes in float") {
  Network network = residual_network();
  Context context({}, 2);
  const Tensor x = random_tensor({2, 3, 9, 7}, "network.x");
  const Tensor y32 = Run(network, context, x.clone()).output().clone();
  network.to(DType::f64);
  const Tensor y64 = Run(network, context, x.to(DType::f64)).output().clone();
  CHECK(y64.dtype() == DType::f64);
  CHECK(relative_error(y32, y64) <= 1e-5);
}
