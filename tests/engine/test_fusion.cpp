#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "engine/graph/fusion.hpp"
#include "engine/run/run.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/random.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Two convolutions, their sum with the input of the first and a ReLU, as in a residual block without batch
/// norm.
Network block() {
  Network network(4);
  network.add("conv1", conv2d(4, 4, {.kernel = 3, .padding = 1}));
  network.add("relu1", relu6());
  const NodeId branch = network.add("conv2", conv2d(4, 4, {.kernel = 3, .padding = 1}));
  network.add("add", add(), {network.input(), branch});
  network.add("relu2", relu());
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name, -0.5, 0.5);
  return network;
}

std::map<NodeId, Fusion> fusions_of(const Network& network, const std::vector<NodeId>& kept_nodes) {
  std::vector<bool> kept(static_cast<std::size_t>(network.size()), false);
  for (const NodeId id : kept_nodes) kept[static_cast<std::size_t>(id)] = true;
  return find_fusions(network.nodes(), kept);
}

}  // namespace

TEST_CASE("fusion: a ReLU takes the convolution before it and the sum between them") {
  const Network network = block();
  const auto fusions = fusions_of(network, {});
  REQUIRE(fusions.size() == 2);
  const Fusion& plain = fusions.at(network.find("relu1"));
  CHECK(plain.producer == network.find("conv1"));
  CHECK_FALSE(plain.add.has_value());
  const Fusion& residual = fusions.at(network.find("relu2"));
  CHECK(residual.producer == network.find("conv2"));
  CHECK(residual.add == network.find("add"));
  CHECK(residual.residual == network.input());
}

TEST_CASE("fusion: a value that somebody else needs stays") {
  const Network network = block();
  CHECK(fusions_of(network, {network.find("conv1")}).size() == 1);
  CHECK(fusions_of(network, {network.find("add")}).size() == 1);
  CHECK(fusions_of(network, {network.find("conv2"), network.find("conv1")}).empty());

  Network twice = block();
  twice.add("again", relu(), {twice.find("conv1")});
  CHECK_FALSE(fusions_of(twice, {}).contains(twice.find("relu1")));
  CHECK_FALSE(fusions_of(twice, {}).contains(twice.find("again")));
}

// On the CPU to the bit; cuDNN adds the residual before the bias.
TEST_CASE("fusion: forward and backward give what the layers give one by one" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const double tolerance = tolerance_on(test_device(), 0);
  for (const bool with_batch_norm : {false, true}) {
    const Network network = placed(with_batch_norm ? residual_network() : block(), context);
    const Tensor x = random_tensor({2, with_batch_norm ? 3 : 4, 9, 7}, "fusion.x");
    std::vector<NodeId> all;
    for (NodeId id = 0; id < network.size(); ++id) all.push_back(id);
    Run apart(network, context, x.clone(), {.keep = all, .gradients_at = {0}});
    Run fused(network, context, x.clone(), {.gradients_at = {0}});
    CHECK(relative_error(context.to_host(apart.output()), context.to_host(fused.output())) <= tolerance);
    const Seed seed{network.output(), random_tensor(apart.output().shape(), "fusion.dy")};
    for (const BackwardRule rule : {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided}) {
      const Gradients a = apart.backward(seed, {.rule = rule, .wrt = {0}});
      const Gradients b = fused.backward(seed, {.rule = rule, .wrt = {0}});
      CHECK(relative_error(context.to_host(a.nodes.at(0)), context.to_host(b.nodes.at(0))) <= tolerance);
    }
  }
}

TEST_CASE("fusion: a value that vanished is refused by name") {
  const Network network = block();
  Context context({}, 1);
  const Run pass(network, context, random_tensor({1, 4, 5, 5}, "fusion.x"));
  CHECK_THROWS_WITH_AS(pass.value(network.find("conv2")),
                       doctest::Contains("the value of 'conv2' was released"), Error);
}
