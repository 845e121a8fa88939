// Training on a CUDA device against training on the CPU.
#include <filesystem>

#include "engine/train/init.hpp"
#include "engine/train/trainer.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "kernels/layers.hpp"
#include "models/scenes_net.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr std::int64_t kSteps = 4;

/// Every kind of layer that training treats in a way of its own.
Network small_network() {
  Network network;
  network.add("conv1", conv2d(3, 6, {.kernel = 3, .padding = 1, .bias = false}));
  network.add("bn1", batch_norm2d(6));
  network.add("relu1", relu());
  network.add("pool", max_pool2d({.kernel = 2}));
  network.add("conv2", conv2d(6, 6, {.kernel = 3, .padding = 1, .groups = 6}));
  network.add("relu2", relu());
  network.add("flatten", flatten());
  network.add("dropout", dropout(0.25));
  network.add("fc", linear(6 * 4 * 4, 5));
  return network;
}

Batch batch_of(std::int64_t step, std::int64_t extent) {
  Batch batch{random_tensor({6, 3, extent, extent}, "cuda.training" + std::to_string(step)), {}, 2};
  for (std::uint64_t i = 0; i < 12; ++i)
    batch.labels.push_back(static_cast<std::int64_t>(random_bits(static_cast<std::uint64_t>(step), i) % 5));
  return batch;
}

struct TrainingRun {
  TrainingRun(Device device, Network start, std::int64_t input_extent)
      : context(device, 1),
        network(std::move(start)),
        extent(input_extent),
        trainer((initialise(network, 3), network), context,
                {.steps = kSteps, .warmup = 1, .learning_rate = 0.05, .seed = 9}) {}

  void train(std::int64_t until) {
    while (trainer.steps_done() < until)
      losses.push_back(trainer.step(batch_of(trainer.steps_done(), extent)));
  }
  std::vector<Tensor> parameters() const {
    std::vector<Tensor> all;
    for (const ConstNamedParameter& p : network.parameters()) all.push_back(context.to_host(*p.tensor));
    return all;
  }

  Context context;
  Network network;
  std::int64_t extent;
  Trainer trainer;
  std::vector<double> losses;
};

void check_equal(const TrainingRun& device, const TrainingRun& host) {
  REQUIRE(device.losses.size() == host.losses.size());
  for (std::size_t i = 0; i < host.losses.size(); ++i)
    CHECK(std::abs(device.losses[i] - host.losses[i]) <= 1e-4 * host.losses[i]);
  const std::vector<Tensor> found = device.parameters(), expected = host.parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(host.network.parameters()[i].name);
    CHECK(relative_error(found[i], expected[i], 1e-3) <= 1e-4);
  }
}

}  // namespace

TEST_CASE("training: on CUDA a small network takes the CPU's steps") {
  TrainingRun host({}, small_network(), 8);
  host.train(kSteps);
  in_every_mode([&] {
    TrainingRun device({Device::Kind::cuda}, small_network(), 8);
    device.train(kSteps);
    check_equal(device, host);
  });
}

TEST_CASE("training: on CUDA the residual network that ships takes the CPU's steps") {
  const FreshDevice fresh = deferred_device();
  TrainingRun host({}, scenes_net(5, 2), 16), device({Device::Kind::cuda}, scenes_net(5, 2), 16);
  host.train(2);
  device.train(2);
  check_equal(device, host);
}

TEST_CASE("training: on CUDA a network and its head take the CPU's steps of Adam with clipped gradients") {
  const auto trained = [](Device device) {
    Context context(device, 1);
    Network map;
    map.add("conv", conv2d(3, 4, {.kernel = 3, .padding = 1, .bias = false}));
    map.add("norm", batch_norm2d(4));
    map.add("relu", relu());
    Network head({{"map", {kAnyExtent, 4, 8, 8}}, {"hints", {kAnyExtent, 7}}});
    const NodeId vector = head.add("fc1", linear(256, 7), {head.add("flatten", flatten(), {head.input()})});
    head.add("product", multiply(), {vector, head.inputs()[1]});
    head.add("fc2", linear(7, 5));
    initialise(map, 3);
    initialise(head, 4);
    Trainer trainer(map, head, context,
                    {.steps = kSteps,
                     .learning_rate = 0.05,
                     .optimiser = AdamOptions{.epsilon = 1e-2, .largest_norm = 0.5}});
    while (trainer.steps_done() < kSteps) {
      const std::string step = std::to_string(trainer.steps_done());
      trainer.step({tensors(random_tensor({6, 3, 8, 8}, "cuda.head.x" + step)),
                    tensors(random_tensor({12, 7}, "cuda.head.hints" + step)), 2},
                   [&](Context& on, const Run& run) {
                     std::vector<std::int64_t> labels;
                     for (std::int64_t i = 0; i < 12; ++i) labels.push_back(i % 5);
                     CrossEntropy loss = cross_entropy(on, run.output(), labels);
                     Loss result{loss.loss, {}};
                     result.seeds.push_back({head.output(), std::move(loss.dlogits)});
                     return result;
                   });
    }
    std::vector<Tensor> all;
    for (const Network* network : {&map, &head})
      for (const ConstNamedParameter& p : network->parameters()) all.push_back(context.to_host(*p.tensor));
    return all;
  };
  const std::vector<Tensor> host = trained({});
  in_every_mode([&] {
    const std::vector<Tensor> device = trained({Device::Kind::cuda});
    for (std::size_t i = 0; i < host.size(); ++i) CHECK(relative_error(device[i], host[i], 1e-3) <= 1e-4);
  });
}

TEST_CASE("training: saved on CUDA and taken up again there it ends in the same bits") {
  const FreshDevice fresh = deferred_device();
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "run.safetensors";
  TrainingRun whole({Device::Kind::cuda}, small_network(), 8), half({Device::Kind::cuda}, small_network(), 8),
      rest({Device::Kind::cuda}, small_network(), 8);
  whole.train(kSteps);
  half.train(2);
  half.trainer.save(path, {});
  rest.trainer.restore(path, {});
  rest.train(kSteps);
  const std::vector<Tensor> found = rest.parameters(), expected = whole.parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(same_bits(found[i], expected[i]));
}
