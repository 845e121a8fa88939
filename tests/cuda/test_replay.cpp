#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "attribution/small_network.hpp"
#include "cuda_device.hpp"
#include "engine/explain/methods.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr Device kReplayDevice{Device::Kind::cuda};

Tensor replay_picture(int i) { return random_tensor({2, 3, 14, 11}, "replay." + std::to_string(i)); }

/// Every method's answer about three targets.
std::vector<Tensor> all_answers(Probe& probe, NodeId layer) {
  std::vector<Tensor> all;
  all.push_back(probe.scores().clone());
  all.push_back(probe.activation(layer));
  // A target at another node than the scores.
  const Tensor y = probe.activation(layer);
  const std::vector<float> like(static_cast<std::size_t>(y.numel() / y.shape()[0]), 1.0f);
  const Target own{.own = std::make_shared<const OwnTarget>(similarity(layer, y, like))};
  all.push_back(probe.gradient(probe.network().input(), own).clone());
  for (const Method& method : methods()) {
    // Nothing of theirs is replayed.
    if (!method.tails.empty() || !method.passes.empty() || method.name == "rise") continue;
    const std::optional<NodeId> at = method.layer_in(probe.network(), layer);
    const bool shares = reads_values(method.rule);
    for (const Target& target :
         {Target{{1, 2}}, Target{{4, 2}},
          Target{.classes = {1, 2}, .aim = shares ? Aim::score : Aim::log_probability}})
      for (backlight::Result& result :
           method.explain(probe, {.target = target, .layer = at, .path = {.steps = 2}})) {
        if (result.map) all.push_back(std::move(result.map->map));
        if (result.gradient.defined()) all.push_back(std::move(result.gradient));
      }
  }
  return all;
}

std::vector<NodeId> layers_of(const Network& network, NodeId layer) {
  return {layer, find_cam_head(network).value().features};
}

}  // namespace

TEST_CASE("replays: every method on every picture gives the bits of an explanation step by step") {
  in_every_mode([] {
    for (const bool with_batch_norm : {false, true}) {
      Context context(kReplayDevice, 1);
      Network network = with_batch_norm ? residual_network() : small_residual_network();
      network.to(context);
      const NodeId layer = network.find(with_batch_norm ? "layer1" : "block");
      Programs programs(network);
      Replays replays(programs, context);
      for (int i = 0; i < 4; ++i) {
        const Tensor x = replay_picture(i);
        const std::vector<NodeId> layers = layers_of(network, layer);
        Probe alone(programs, context, x.clone(), layers, true);
        const std::vector<Tensor> expected = all_answers(alone, layer);
        Probe probe(replays, x.clone(), layers, true);
        const std::vector<Tensor> found = all_answers(probe, layer);
        REQUIRE(found.size() == expected.size());
        for (std::size_t k = 0; k < found.size(); ++k) CHECK(same_bits(found[k], expected[k]));
      }
    }
  });
}

TEST_CASE("replays: the first picture of a shape and question is not recorded") {
  const FreshDevice device;
  Context context(kReplayDevice, 1), host({}, 1);
  Network network = small_residual_network(), on_host = small_residual_network();
  network.to(context);
  const std::vector<NodeId> layers{network.find("block")};
  Programs programs(network), programs_of_host(on_host);
  Replays replays(programs, context), replays_of_host(programs_of_host, host);
  const TensorType one{DType::f32, {1, 3, 14, 11}}, two{DType::f32, {2, 3, 14, 11}};
  CHECK(replays.get(one, layers, false) == nullptr);
  CHECK(replays.get(one, layers, false) != nullptr);
  CHECK(replays.get(two, layers, false) == nullptr);
  CHECK(replays.get(two, layers, true) == nullptr);
  CHECK(replays.get(two, layers, true) != nullptr);
  for (int i = 0; i < 3; ++i) CHECK(replays_of_host.get(one, layers, false) == nullptr);
}

TEST_CASE("programs: are of one device, and refuse weights that lie on another") {
  const FreshDevice device;
  Context context(kReplayDevice, 1), host({}, 1);
  Network network = residual_network();
  network.to(context);
  Programs programs(network);
  const std::vector<TensorType> types{{DType::f32, {2, 3, 14, 11}}};
  const auto on_device = programs.get(context, types, {}), on_host = programs.get(host, types, {});
  CHECK(on_device != on_host);
  CHECK(programs.get(context, types, {}) == on_device);
  CHECK_NOTHROW(Run(on_device, context, tensors(replay_picture(0))));
  CHECK_THROWS_WITH_AS(Run(on_host, host, tensors(replay_picture(0))),
                       doctest::Contains("does not lie in the memory of cpu, where it is used"), Error);
}

TEST_CASE("replays: what was folded from other weights is not replayed") {
  const FreshDevice device;
  Context context(kReplayDevice, 1);
  Network network = residual_network();
  network.to(context);
  const std::vector<NodeId> layers{network.find("layer1")};
  Programs programs(network);
  Replays replays(programs, context);
  const auto scores = [&] { return Probe(replays, replay_picture(0), layers, false).scores().clone(); };
  const Tensor step_by_step = scores(), replayed = scores();
  CHECK(same_bits(replayed, step_by_step));
  network = network.with("stem.bn.bias", context.copy(random_tensor({4}, "replay.bias")));
  const Tensor after = scores();
  CHECK_FALSE(same_bits(after, replayed));
  CHECK(same_bits(scores(), after));
  CHECK(same_bits(after, Probe(programs, context, replay_picture(0), layers, false).scores()));
}

TEST_CASE("replays: after the second picture nothing is allocated on the device") {
  const FreshDevice device;
  Context context(kReplayDevice, 1);
  Network network = small_residual_network();
  network.to(context);
  const NodeId layer = network.find("block");
  Programs programs(network);
  Replays replays(programs, context);
  const auto free_after = [&](int i) {
    Probe probe(replays, replay_picture(i), layers_of(network, layer), true);
    all_answers(probe, layer);
    context.synchronize();
    std::size_t free = 0, total = 0;
    REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
    return free;
  };
  free_after(0);
  const std::size_t second = free_after(1);
  for (int i = 2; i < 5; ++i) CHECK(free_after(i) == second);
}
