// A head behind a network: trained from end to end, and alone on what the network computed.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/train/init.hpp"
#include "engine/train/kept.hpp"
#include "engine/train/trainer.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "kernels/layers.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"
#include "weights/checkpoint.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr std::int64_t kImages = 6, kHeadSteps = 4;
const InputSpec kPictures{"input", {kAnyExtent, 3, 8, 8}}, kMaps{"map", {kAnyExtent, 4, 8, 8}},
    kHints{"hints", {kAnyExtent, 6}};

void add_map(Network& net, bool normalised) {
  net.add("conv", conv2d(3, 4, {.kernel = 3, .padding = 1}), {net.input()});
  if (normalised) net.add("norm", batch_norm2d(4));
  net.add("relu", relu());
}

/// Reads a map and hints.
void add_head(Network& net, NodeId map, NodeId hints) {
  net.add("pool", adaptive_avg_pool2d(2), {map});
  net.add("flatten", flatten());
  const NodeId vector = net.add("fc1", linear(16, 6));
  net.add("product", multiply(), {vector, hints});
  net.add("fc2", linear(6, 5));
}

Network map_network(bool normalised = true) {
  Network net(std::vector{kPictures});
  add_map(net, normalised);
  initialise(net, 3);
  return net;
}

Network head_network() {
  Network net({kMaps, kHints});
  add_head(net, net.inputs()[0], net.inputs()[1]);
  initialise(net, 3);
  return net;
}

Network joined_network() {
  Network net({kPictures, kHints});
  add_map(net, true);
  add_head(net, net.last(), net.inputs()[1]);
  initialise(net, 3);
  return net;
}

Tensor pictures(std::int64_t step) {
  return random_tensor({kImages, 3, 8, 8}, "head.x" + std::to_string(step));
}
Tensor hints(std::int64_t step, std::int64_t rows) {
  return random_tensor({rows, 6}, "head.hints" + std::to_string(step));
}

LossFunction classes(std::int64_t step) {
  return [step](Context& context, const Run& run) {
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < run.output().shape()[0]; ++i) labels.push_back((3 * i + step) % 5);
    CrossEntropy loss = cross_entropy(context, run.output(), labels);
    Loss result{loss.loss, {}};
    result.seeds.push_back({run.program().network().output(), std::move(loss.dlogits)});
    return result;
  };
}

TrainerOptions clipped_adam() {
  return {
      .steps = kHeadSteps, .warmup = 1, .learning_rate = 0.05, .optimiser = AdamOptions{.largest_norm = 0.1}};
}

/// A network and its head in training.
struct EndToEnd {
  explicit EndToEnd(int threads = 1)
      : context({}, threads),
        map(map_network()),
        head(head_network()),
        trainer(map, head, context, clipped_adam()) {}

  void train(std::int64_t until = kHeadSteps) {
    while (trainer.steps_done() < until) {
      const std::int64_t step = trainer.steps_done();
      Sample sample{tensors(pictures(step)), tensors(hints(step, kImages))};
      losses.push_back(trainer.step(std::move(sample), classes(step)));
    }
  }

  Context context;
  Network map, head;
  Trainer trainer;
  std::vector<double> losses;
};

std::vector<const Tensor*> values_of(std::initializer_list<const Network*> networks) {
  std::vector<const Tensor*> all;
  for (const Network* network : networks)
    for (const ConstNamedParameter& p : network->parameters()) all.push_back(p.tensor);
  return all;
}

bool equal(const std::vector<const Tensor*>& a, const std::vector<const Tensor*>& b) {
  return std::ranges::equal(a, b, [](const Tensor* x, const Tensor* y) { return same_bits(*x, *y); });
}

}  // namespace

TEST_CASE("training a head: behind a network it takes the steps of one network of both, to the same bits") {
  EndToEnd parts;
  parts.train();
  Context context({}, 2);
  Network joined = joined_network();
  Trainer trainer(joined, context, clipped_adam());
  std::vector<double> losses;
  while (trainer.steps_done() < kHeadSteps) {
    const std::int64_t step = trainer.steps_done();
    Sample sample{tensors(pictures(step))};
    sample.inputs.push_back(hints(step, kImages));
    losses.push_back(trainer.step(std::move(sample), classes(step)));
  }
  CHECK(parts.losses == losses);
  CHECK(equal(values_of({&parts.map, &parts.head}), values_of({&joined})));
  const Network before_map = map_network(), before_head = head_network();
  const auto now = values_of({&parts.map, &parts.head}), before = values_of({&before_map, &before_head});
  for (std::size_t i = 0; i < now.size(); ++i) CHECK_FALSE(same_bits(*now[i], *before[i]));
}

TEST_CASE("training a head: several of its rows read one map, whose gradient is their sum") {
  const auto trained = [](bool repeated) {
    Context context({}, 1);
    Network map = map_network(/*normalised=*/false), head = head_network();
    Trainer trainer(map, head, context, {.steps = 1, .learning_rate = 0.5, .optimiser = SgdOptions{}});
    Tensor x = pictures(0);
    if (repeated) {
      Tensor twice({2 * kImages, 3, 8, 8});
      const std::int64_t each = x.numel() / kImages;
      for (std::int64_t i = 0; i < 2 * kImages; ++i)
        std::copy_n(x.data<float>() + i / 2 * each, each, twice.data<float>() + i * each);
      x = std::move(twice);
    }
    Sample sample{tensors(std::move(x)), tensors(hints(0, 2 * kImages)), repeated ? 1 : 2};
    trainer.step(std::move(sample), classes(0));
    std::vector<Tensor> values;
    for (const Tensor* value : values_of({&map, &head})) values.push_back(value->clone());
    return values;
  };
  const auto shared = trained(false), repeated = trained(true);
  for (std::size_t i = 0; i < shared.size(); ++i) CHECK(relative_error(shared[i], repeated[i]) <= 1e-6);
}

TEST_CASE(
    "training a head: saved and taken up again both networks end in the same bits, on any number of "
    "threads") {
  const TemporaryFolder folder;
  EndToEnd whole(3), half, rest;
  whole.train();
  half.train(2);
  half.trainer.save(folder.path() / "net", {});
  rest.trainer.restore(folder.path() / "net", {});
  rest.train();
  CHECK(equal(values_of({&whole.map, &whole.head}), values_of({&rest.map, &rest.head})));
  const Checkpoint file = Checkpoint::open(folder.path() / "net");
  for (const char* name : {"cnn.conv.weight", "cnn.norm.running_mean", "fc1.weight",
                           "first_moment.cnn.conv.weight", "second_moment.fc1.weight"})
    CHECK(file.find(name) != nullptr);

  Network map = map_network(), head = head_network();
  Context context({}, 1);
  TrainerOptions other = clipped_adam();
  std::get<AdamOptions>(other.optimiser).largest_norm = 5;
  Trainer refused(map, head, context, other);
  CHECK_THROWS_WITH_AS(refused.restore(folder.path() / "net", {}),
                       doctest::Contains("training.largest_norm 0.1"), Error);
}

TEST_CASE("training a head: what does not fit the networks is refused and changes nothing") {
  EndToEnd run;
  const EndToEnd fresh;
  CHECK_THROWS_AS(run.trainer.step({tensors(pictures(0))}, classes(0)), Error);
  CHECK_THROWS_AS(run.trainer.step({tensors(pictures(0)), tensors(hints(0, 5))}, classes(0)), Error);
  CHECK_THROWS_AS(run.trainer.step({tensors(pictures(0)), tensors(hints(0, kImages)), 0}, classes(0)), Error);
  const LossFunction infinite = [](Context&, const Run&) { return Loss{INFINITY, {}}; };
  CHECK_THROWS_WITH_AS(run.trainer.step({tensors(pictures(0)), tensors(hints(0, kImages))}, infinite),
                       doctest::Contains("learning rate"), Error);
  CHECK(run.trainer.steps_done() == 0);
  CHECK(equal(values_of({&run.map, &run.head}), values_of({&fresh.map, &fresh.head})));

  Network alone = map_network();
  Context context({}, 1);
  CHECK_THROWS_AS(Trainer(alone, context, {.optimiser = AdamOptions{.largest_norm = 0}}), Error);
  Trainer trainer(alone, context, {});
  CHECK_THROWS_WITH_AS(trainer.step({tensors(pictures(0)), tensors(hints(0, kImages))}, classes(0)),
                       doctest::Contains("but there is none"), Error);
}

TEST_CASE("training a head: the outputs of a network that stays are kept, by its running statistics") {
  Context context({}, 2);
  Network net = map_network();
  for (const NamedParameter& p : net.parameters())
    if (p.name == "norm.running_mean") p.tensor->fill(0.25);
  constexpr std::int64_t kItems = 230;  // more than two chunks
  const Tensor all = random_tensor({kItems, 3, 8, 8}, "kept.x");
  const auto inputs = [&](std::int64_t first, std::int64_t n) {
    Tensor part({n, 3, 8, 8});
    std::copy_n(all.data<float>() + first * 192, n * 192, part.data<float>());
    return part;
  };
  const KeptOutputs kept(net, context, kItems, inputs);
  CHECK(kept.count() == kItems);
  const std::vector<std::int64_t> items{229, 0, 100, 0};
  const Tensor rows = kept.rows(items);
  CHECK(rows.shape() == Shape{4, 4, 8, 8});
  const Run plain(net, context, inputs(0, kItems));
  for (std::size_t i = 0; i < items.size(); ++i)
    for (std::int64_t k = 0; k < 256; ++k) {
      const float expected = plain.output().data<float>()[items[i] * 256 + k];
      REQUIRE(std::abs(rows.data<float>()[static_cast<std::int64_t>(i) * 256 + k] - expected) <=
              1e-6 + std::abs(expected) * 0x1p-11);
    }
  CHECK_THROWS_AS(kept.rows(std::vector<std::int64_t>{kItems}), Error);
  CHECK_THROWS_AS(kept.rows(std::vector<std::int64_t>{-1}), Error);
  CHECK_THROWS_AS(KeptOutputs(net, context, 0, inputs), Error);
  for (const NamedParameter& p : net.parameters())
    if (p.name == "norm.weight") p.tensor->fill(1e6);
  CHECK_THROWS_WITH_AS(KeptOutputs(net, context, 1, inputs), doctest::Contains("float16"), Error);
}
