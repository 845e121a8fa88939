#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/run/run.hpp"
#include "kernels/layers.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"
#include "support/residual_network.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// x of N×2C as two values of N×C: the first half of every row doubled, and the second half squared.
class Halves final : public Layer {
 public:
  int output_count() const override { return 2; }
  Needs needs(bool) const override { return {.inputs = true}; }

  std::vector<TensorType> infer(std::span<const TensorType> x, DType computed) const override {
    const Shape half = x[0].shape.with(1, x[0].shape[1] / 2);
    return {{computed, half}, {computed, half}};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch_dtype(a.x[0]->dtype(), [&]<class T>() {
      const std::int64_t count = a.y[0]->shape()[1];
      for (std::int64_t i = 0; i < a.y[0]->numel(); ++i) {
        const T* row = a.x[0]->data<T>() + i / count * 2 * count;
        a.y[0]->data<T>()[i] = 2 * row[i % count];
        a.y[1]->data<T>()[i] = row[count + i % count] * row[count + i % count];
      }
    });
  }

  void backward(const BackwardArgs& a) const override {
    dispatch_dtype(a.x[0]->dtype(), [&]<class T>() {
      const std::int64_t count = a.x_shapes[0][1] / 2;
      for (std::int64_t i = 0; i < a.x_shapes[0].numel(); ++i) {
        const std::int64_t row = i / (2 * count), column = i % (2 * count);
        const bool second = column >= count;
        const Tensor* dy = a.dy[second];
        const T slope = second ? 2 * a.x[0]->data<T>()[i] : T{2};
        a.dx[0]->data<T>()[i] = dy ? slope * dy->data<T>()[row * count + column % count] : T{0};
      }
    });
  }
};

/// w·x and w²·x for one number w.
class TwoScales final : public Layer {
 public:
  int output_count() const override { return 2; }
  Needs needs(bool) const override { return {.inputs = true}; }
  std::vector<ParameterSpec> parameters() const override { return {{"weight", {1}}}; }
  std::vector<TensorType> infer(std::span<const TensorType> x, DType) const override { return {x[0], x[0]}; }

  void forward(const ForwardArgs& a) const override {
    const float w = a.w[0]->values()[0];
    for (std::size_t i = 0; i < a.x[0]->values().size(); ++i) {
      a.y[0]->values()[i] = w * a.x[0]->values()[i];
      a.y[1]->values()[i] = w * w * a.x[0]->values()[i];
    }
  }

  void backward(const BackwardArgs& a) const override {
    const float w = a.w[0]->values()[0];
    for (std::size_t i = 0; i < a.x[0]->values().size(); ++i) {
      if (a.dy[0]) a.dw[0]->values()[0] += a.dy[0]->values()[i] * a.x[0]->values()[i];
      if (a.dy[1]) a.dw[0]->values()[0] += a.dy[1]->values()[i] * 2 * w * a.x[0]->values()[i];
    }
  }
};

/// Row index[n] of a table, for every n.
class Lookup final : public Layer {
 public:
  Lookup(std::int64_t rows, std::int64_t width) : table_{rows, width} {}
  Needs needs(bool) const override { return {.inputs = true}; }
  std::vector<ParameterSpec> parameters() const override { return {{"weight", table_}}; }

  std::vector<TensorType> infer(std::span<const TensorType> x, DType computed) const override {
    return {{computed, {x[0].shape[0], table_[1]}}};
  }

  void forward(const ForwardArgs& a) const override {
    dispatch_dtype(a.w[0]->dtype(), [&]<class T>() {
      for (std::int64_t n = 0; n < a.x[0]->numel(); ++n)
        std::copy_n(a.w[0]->data<T>() + a.x[0]->data<std::int64_t>()[n] * table_[1], table_[1],
                    a.y[0]->data<T>() + n * table_[1]);
    });
  }

  void backward(const BackwardArgs& a) const override {
    if (a.dw.empty() || !a.dw[0]) return;
    dispatch_dtype(a.dy[0]->dtype(), [&]<class T>() {
      for (std::int64_t i = 0; i < a.dy[0]->numel(); ++i)
        a.dw[0]->data<T>()[a.x[0]->data<std::int64_t>()[i / table_[1]] * table_[1] + i % table_[1]] +=
            a.dy[0]->data<T>()[i];
    });
  }

 private:
  Shape table_;
};

/// A picture and a word: features of both, added, then two outputs.
Network picture_and_word() {
  Network network({{"picture", {kAnyExtent, 2, kAnyExtent, kAnyExtent}}, {"word", {kAnyExtent}, DType::i64}});
  network.add("pool", adaptive_avg_pool2d(1), {0});
  network.add("flatten", flatten());
  const NodeId seen = network.add("see", linear(2, 3));
  const NodeId said = network.add("embed", std::make_unique<Lookup>(4, 3), {1});
  network.add("sum", add(), {seen, said});
  const NodeId answer = network.add("answer", linear(3, 5));
  network.add_output("answer", answer);
  network.add_output("words", said);
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, "graph." + p.name);
  return network;
}

Tensor indices(const std::vector<std::int64_t>& values) {
  Tensor tensor({static_cast<std::int64_t>(values.size())}, DType::i64);
  std::ranges::copy(values, tensor.data<std::int64_t>());
  return tensor;
}

std::vector<Tensor> both(Tensor picture, Tensor word) {
  std::vector<Tensor> all = tensors(std::move(picture));
  all.push_back(std::move(word));
  return all;
}

std::vector<TensorType> types_of(const std::vector<Tensor>& values) {
  std::vector<TensorType> types;
  for (const Tensor& value : values) types.push_back({value.dtype(), value.shape()});
  return types;
}

}  // namespace

TEST_CASE("graph: several inputs of several types and several named outputs") {
  const Network network = picture_and_word();
  REQUIRE(network.outputs().size() == 2);
  CHECK(network.outputs()[1].name == "words");
  CHECK(network.output() == network.find("answer"));
  Context context({}, 1);
  std::vector<Tensor> values = both(random_tensor({3, 2, 4, 5}, "graph.x"), indices({2, 0, 2}));
  const auto program = std::make_shared<const Program>(
      network, context, types_of(values), ProgramOptions{.gradients_at = {0}, .parameter_gradients = true});
  Run run(program, context, std::move(values));
  const Tensor& words = run.value(network.find("embed"));
  CHECK(run.output().shape() == Shape{3, 5});
  const Tensor& table = network.weights()[network.node(network.find("embed")).parameters[0]];
  for (std::int64_t i = 0; i < 3; ++i) {
    CHECK(words.data<float>()[i] == table.data<float>()[2 * 3 + i]);
    CHECK(words.data<float>()[3 + i] == table.data<float>()[i]);
  }

  // The row that two pictures look up gets the sum of both gradients, the row that none does nothing.
  const Tensor dy = random_tensor({3, 3}, "graph.dy");
  std::vector<Seed> seeds;
  seeds.push_back({network.find("embed"), dy.clone()});
  const Gradients gradients = run.backward(seeds, {.wrt = {0}, .parameter_gradients = true});
  const auto all = network.parameters();
  const auto at = std::ranges::find(all, "embed.weight", &ConstNamedParameter::name) - all.begin();
  const Tensor& dtable = gradients.parameters[static_cast<std::size_t>(at)];
  for (std::int64_t i = 0; i < 3; ++i) {
    CHECK(dtable.data<float>()[2 * 3 + i] == dy.data<float>()[i] + dy.data<float>()[6 + i]);
    CHECK(dtable.data<float>()[3 + i] == 0);
  }
}

TEST_CASE("graph: inputs that do not fit are refused by their names") {
  const Network network = picture_and_word();
  Context context({}, 1);
  const auto refuses = [&](std::vector<TensorType> types, const char* message) {
    CHECK_THROWS_WITH_AS(Program(network, context, types), message, Error);
  };
  const TensorType picture{DType::f32, {1, 2, 4, 4}}, word{DType::i64, {1}};
  CHECK_NOTHROW(Program(network, context, std::vector{picture, word}));
  refuses({picture}, "1 inputs were given for a network of 2");
  refuses({{DType::f32, {1, 3, 4, 4}}, word},
          "the network's input 'picture' is 1×3×4×4, expected N×2×H×W without an empty extent");
  refuses({picture, {DType::f32, {1}}}, "the network's input 'word' is float32, expected int64");
  refuses({picture, {DType::i64, {1, 1}}},
          "the network's input 'word' is 1×1, expected N without an empty extent");
  refuses({{DType::i64, {1, 2, 4, 4}}, word},
          "the network's input 'picture' is int64, expected float32 or float64");

  Network integers({{"word", {kAnyExtent, 4}, DType::i64}});
  integers.add("flatten", flatten());
  CHECK_THROWS_WITH_AS(Program(integers, context, std::vector<TensorType>{{DType::i64, {2, 4}}}),
                       "flatten: [flatten] x[0] is int64, expected float32 (network input 2×4)", Error);

  const auto run = [&](std::vector<Tensor> values) {
    Run(std::make_shared<const Program>(network, context, std::vector{picture, word}), context,
        std::move(values));
  };
  CHECK_THROWS_WITH_AS(run(tensors(Tensor::zeros(picture.shape))), "1 values were given for a program of 2",
                       Error);
  CHECK_THROWS_WITH_AS(run(both(Tensor::zeros(picture.shape), indices({0, 1}))),
                       "the value of 'word' is int64 2, but its program was made for int64 1", Error);

  Network twice(2);
  CHECK_THROWS_WITH_AS(twice.add_input({"input", {1}}), "the network already has a node named 'input'",
                       Error);
  CHECK_THROWS_WITH_AS(twice.add_input({"none", {0}}),
                       "input 'none' has an extent of 0, expected 1 or more, or kAnyExtent", Error);
  CHECK_THROWS_AS(twice.add_output("far", 7), Error);
  twice.add_output("one", 0);
  CHECK_THROWS_WITH_AS(twice.add_output("one", 0), "the network already has an output named 'one'", Error);
  CHECK_THROWS_AS(Network(std::vector<InputSpec>{}), Error);
}

TEST_CASE("graph: a layer of two values") {
  Network network(4);
  network.add("flatten", flatten());
  const NodeId halves = network.add("halves", std::make_unique<Halves>());
  CHECK(network.node(halves + 1).name == "halves:1");
  CHECK(network.find("halves:1") == halves + 1);
  CHECK(network.last() == halves + 1);
  CHECK(network.shapes({1, 4, 2, 1})[static_cast<std::size_t>(halves) + 1] == Shape{1, 4});
  const NodeId narrow = network.add("narrow", linear(4, 3), {halves});
  const NodeId wide = network.add("wide", linear(4, 3), {halves + 1});
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name);

  SUBCASE("both are read: the gradients are right") {
    network.add("sum", add(), {narrow, wide});
    const GradcheckResult result = gradcheck(network, random_tensor({3, 4, 2, 1}, "halves.x"));
    CAPTURE(result.where);
    CHECK(result.checked == 24 + 2 * 15);
    CHECK(result.worst <= 1e-8);
  }
  SUBCASE("one of them is asked for: the other is there, too") {
    Context context({}, 1);
    const Program program(network, context, std::vector<TensorType>{{DType::f32, {1, 4, 2, 1}}},
                          {.outputs = {narrow}});
    CHECK(program.has(halves));
    CHECK(program.has(halves + 1));
    CHECK_FALSE(program.has(wide));
  }
  SUBCASE("a target that depends on one of them only: the other counts nothing") {
    network.add_output("wide", wide);
    Context context({}, 1);
    const Tensor x = random_tensor({1, 4, 2, 1}, "halves.x");
    Run run(network, context, x.clone(), {.keep = {halves}, .gradients_at = {0, halves, halves + 1}});
    CHECK(run.value(halves).data<float>()[1] == 2 * x.data<float>()[1]);
    const Gradients gradients =
        run.backward({wide, random_tensor({1, 3}, "halves.dy")}, {.wrt = {0, halves, halves + 1}});
    CHECK(same_bits(gradients.nodes.at(halves), Tensor::zeros({1, 4})));
    for (std::int64_t i = 0; i < 4; ++i) {
      CHECK(gradients.nodes.at(0).data<float>()[i] == 0);
      CHECK(gradients.nodes.at(0).data<float>()[4 + i] ==
            2 * x.data<float>()[4 + i] * gradients.nodes.at(halves + 1).data<float>()[i]);
    }
  }
}

TEST_CASE("graph: a target that only a layer's second value leads to reaches its parameter") {
  Network network(3);
  network.add("flatten", flatten());
  network.add("scales", std::make_unique<TwoScales>());
  network.parameters()[0].tensor->fill(0.5);
  Context context({}, 1);
  const Tensor x = random_tensor({2, 3, 1, 1}, "scales.x"), dy = random_tensor({2, 3}, "scales.dy");
  Run run(network, context, x.clone(), {.parameter_gradients = true});
  const Gradients gradients =
      run.backward({network.find("scales:1"), dy.clone()}, {.parameter_gradients = true});
  double expected = 0;
  for (std::size_t i = 0; i < 6; ++i) expected += 2 * 0.5 * double{x.values()[i]} * double{dy.values()[i]};
  CHECK(std::abs(gradients.parameters[0].values()[0] - expected) <= 1e-6);
  CHECK(std::abs(expected) > 1e-2);
}

TEST_CASE("graph: a weight that two nodes use gets the sum of its gradients") {
  const auto chain = [](bool shared) {
    Network network(3);
    network.add("flatten", flatten());
    const NodeId first = network.add("step", linear(3, 3));
    network.add("relu", relu());
    network.add("again", linear(3, 3), {network.last()}, shared ? std::optional(first) : std::nullopt);
    for (NamedParameter& p : network.parameters())
      fill(*p.tensor, p.name.ends_with("weight") ? "shared.weight" : "shared.bias");
    return network;
  };
  Network shared = chain(true), apart = chain(false);
  CHECK(shared.parameters().size() == 2);
  CHECK(shared.parameter_count() == 12);
  CHECK(shared.parameter_count(shared.find("again")) == 12);
  Context context({}, 1);
  const auto gradients_of = [&](const Network& network) {
    Run run(network, context, random_tensor({2, 3, 1, 1}, "shared.x"), {.parameter_gradients = true});
    return run.backward({network.output(), random_tensor({2, 3}, "shared.dy")},
                        {.parameter_gradients = true});
  };
  const Gradients together = gradients_of(shared), each = gradients_of(apart);
  for (std::size_t i = 0; i < 2; ++i) {
    Tensor sum = each.parameters[i].clone();
    for (std::int64_t j = 0; j < sum.numel(); ++j)
      sum.data<float>()[j] += each.parameters[i + 2].data<float>()[j];
    CHECK(relative_error(together.parameters[i], sum) <= 1e-6);
  }
  const GradcheckResult result = gradcheck(shared, random_tensor({2, 3, 1, 1}, "shared.x"));
  CAPTURE(result.where);
  CHECK(result.worst <= 1e-8);

  CHECK_THROWS_WITH_AS(shared.add("wide", linear(3, 4), {shared.last()}, shared.find("step")),
                       "node 'wide' cannot compute with the weights of 'step': its own have other shapes",
                       Error);
}

TEST_CASE("weights: copies of a network share them until one writes") {
  const Network network = residual_network();
  Network copy = network;
  const auto same = [&](std::size_t i) { return &network.weights()[i] == &copy.weights()[i]; };
  CHECK(same(0));
  const Tensor before = network.weights()[0].clone();
  copy.parameters()[0].tensor->fill(7);
  CHECK_FALSE(same(0));
  CHECK(same_bits(network.weights()[0], before));

  Network other = network.with("fc.bias", Tensor::zeros({5}));
  for (std::size_t i = 0; i + 1 < network.weights().size(); ++i)
    CHECK(&network.weights()[i] == &other.weights()[i]);
  CHECK(same_bits(other.weights()[other.weights().size() - 1], Tensor::zeros({5})));
  CHECK_FALSE(same_bits(network.weights()[network.weights().size() - 1], Tensor::zeros({5})));
  CHECK_THROWS_WITH_AS(network.with("fc.bais", Tensor::zeros({5})),
                       "the network has no parameter 'fc.bais' (did you mean \"fc.bias\"?)", Error);
  CHECK_THROWS_WITH_AS(network.with("fc.bias", Tensor::zeros({6})),
                       "the network's parameter 'fc.bias' is float32 5, but its new values are float32 6",
                       Error);
}
