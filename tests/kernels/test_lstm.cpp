#include <doctest/doctest.h>

#include <string>

#include "engine/run/run.hpp"
#include "kernels/lstm/lstm_layer.hpp"
#include "kernels/lstm/naive.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct LstmCase {
  LayerCase layer;
  LstmOptions options;
};

// tests/golden/make_language.py has the same table, but for the large one.
LstmCase lstm_case(const std::string& name, const Shape& x, std::int64_t hidden,
                   const LstmOptions& options = {}) {
  LayerCase c{.name = "lstm." + name, .make = [=] { return lstm(x[2], hidden, options); }, .x = {x}};
  if (options.tokens) c.x.push_back({x[0], x[1]});
  if (options.state) c.x.push_back({x[0], 2 * options.layers * hidden});
  if (options.tokens) c.tokens = 1;
  return {.layer = std::move(c), .options = options};
}
const LstmCase kLstmCases[] = {
    lstm_case("plain", {3, 4, 5}, 3),
    lstm_case("padded", {3, 7, 2}, 5, {.tokens = true}),
    lstm_case("two", {3, 5, 3}, 4, {.layers = 2, .tokens = true}),
    lstm_case("continued", {2, 3, 4}, 3, {.layers = 2, .tokens = true, .state = true}),
    lstm_case("word", {3, 1, 7}, 13, {.state = true}),
    lstm_case("several_ranges", {5, 2, 3}, 257),
};
const LstmCase kWithoutBias = lstm_case("no_bias", {2, 4, 3}, 2, {.bias = false});

LayerCase dropping(double p) {
  LayerCase c = lstm_case("dropping", {2, 3, 4}, 3, {.layers = 3, .dropout = p, .tokens = true}).layer;
  c.training = true;
  return c;
}

/// A sentence of four steps, and the same in pieces of one.
struct Decoder {
  Network network{{{.name = "x", .extents = {kAnyExtent, kAnyExtent, 3}},
                   {.name = "state", .extents = {kAnyExtent, 16}}}};
  NodeId whole = 0, step = 0;

  Decoder() {
    whole = network.add("lstm", lstm(3, 4, {.layers = 2}), {0});
    step = network.add("step", lstm(3, 4, {.layers = 2, .state = true}), {0, 1}, whole);
    for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name);
  }
  std::vector<Tensor> run(Context& context, NodeId node, Tensor x, Tensor state) const {
    const TensorType types[] = {{DType::f32, x.shape()}, {DType::f32, state.shape()}};
    std::vector<Tensor> values = tensors(std::move(x));
    values.push_back(std::move(state));
    const Run run(
        std::make_shared<const Program>(network, context, types, ProgramOptions{.outputs = {node, node + 1}}),
        context, std::move(values));
    std::vector<Tensor> results = tensors(context.to_host(run.value(node)));
    results.push_back(context.to_host(run.value(node + 1)));
    return results;
  }
};

}  // namespace

TEST_CASE("lstm: agrees with the naive loops" * doctest::test_suite("device")) {
  for (const LstmCase& c : kLstmCases)
    check_reference(
        {&c.layer, 1},
        [&](const LayerCase&, const LayerInputs& in) {
          return naive_lstm(c.options.layers, c.options.tokens, c.options.state, in);
        },
        2e-6);
}

TEST_CASE("lstm: agrees with PyTorch" * doctest::test_suite("device")) {
  for (const LstmCase& c : std::span(kLstmCases).first(5)) check_goldens({&c.layer, 1}, 2e-6, "language");
  check_goldens({&kWithoutBias.layer, 1}, 2e-6, "language");
}

TEST_CASE("lstm backward: is the gradient of every input and parameter") {
  for (const LstmCase& c : std::span(kLstmCases).first(4)) check_gradients({&c.layer, 1});
  const LayerCase training = dropping(0.4);
  check_gradients({&training, 1});
}

TEST_CASE("lstm: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const LstmCase& c : kLstmCases) check_promises({&c.layer, 1});
  const LayerCase training = dropping(0.4);
  check_promises({&training, 1});
}

TEST_CASE("lstm: a sentence word by word has the bits of the whole" * doctest::test_suite("device")) {
  Decoder decoder;
  Context context = test_context();
  decoder.network.to(context);
  const Tensor x = random_tensor({2, 4, 3}, "lstm.sentence");
  const std::vector<Tensor> whole = decoder.run(context, decoder.whole, x.clone(), Tensor::zeros({2, 16}));
  Tensor state = Tensor::zeros({2, 16}), y({2, 4, 4});
  for (std::int64_t t = 0; t < 4; ++t) {
    Tensor word({2, 1, 3});
    for (std::int64_t n = 0; n < 2; ++n)
      std::copy_n(x.data<float>() + (n * 4 + t) * 3, 3, word.data<float>() + n * 3);
    std::vector<Tensor> said = decoder.run(context, decoder.step, std::move(word), std::move(state));
    for (std::int64_t n = 0; n < 2; ++n)
      std::copy_n(said[0].data<float>() + n * 4, 4, y.data<float>() + (n * 4 + t) * 4);
    state = std::move(said[1]);
  }
  CHECK(same_result(y, whole[0]));
  CHECK(same_result(state, whole[1]));
}

TEST_CASE("lstm: steps behind the last that is asked about may be left out, and none before" *
          doctest::test_suite("device")) {
  Decoder decoder;
  Context context = test_context();
  decoder.network.to(context);
  const Tensor x = random_tensor({2, 4, 3}, "lstm.asked");
  for (const std::int64_t asked : {0, 1, 3, 4}) {  // steps of the second item; of the first one less
    CAPTURE(asked);
    Tensor dy = Tensor::zeros({2, 4, 4});
    std::fill_n(dy.data<float>(), std::max<std::int64_t>(asked - 1, 0) * 4, 0.5f);
    std::fill_n(dy.data<float>() + 16, asked * 4, -0.25f);
    // A gradient at the state, of zeros, makes every step count.
    const auto gradient = [&](bool every_step) {
      const TensorType types[] = {{DType::f32, x.shape()}, {DType::f32, {2, 16}}};
      std::vector<Tensor> values = tensors(context.copy(x));
      values.push_back(context.zeros({2, 16}));
      Run run(std::make_shared<const Program>(
                  decoder.network, context, types,
                  ProgramOptions{.outputs = {decoder.whole, decoder.whole + 1}, .gradients_at = {0}}),
              context, std::move(values));
      std::vector<Seed> seeds;
      seeds.push_back({decoder.whole, context.copy(dy)});
      if (every_step) seeds.push_back({decoder.whole + 1, context.zeros({2, 16})});
      return context.to_host(run.backward(seeds, {.wrt = {0}}).nodes.at(0));
    };
    const Tensor some = gradient(false), all = gradient(true);
    for (std::int64_t i = 0; i < all.numel(); ++i) CHECK(some.data<float>()[i] == all.data<float>()[i]);
    CHECK((asked == 0) == std::ranges::all_of(all.values(), [](float v) { return v == 0; }));
  }
}

TEST_CASE("lstm: padding changes neither the state nor a gradient, wherever it stands" *
          doctest::test_suite("device")) {
  const LayerCase c = lstm_case("padding", {1, 3, 2}, 4, {.layers = 2, .tokens = true}).layer;
  const LayerCase longer = lstm_case("padding", {1, 5, 2}, 4, {.layers = 2, .tokens = true}).layer;
  LayerInputs in = inputs_of(c);
  in.x[1].values<std::int32_t>()[0] = in.x[1].values<std::int32_t>()[1] = in.x[1].values<std::int32_t>()[2] =
      1;
  in.dy.fill(0);
  const LayerResult expected = run_layer(c, in);
  for (const std::vector<std::size_t>& places : {std::vector<std::size_t>{0, 1, 2}, {2, 3, 4}, {0, 2, 3}}) {
    LayerInputs padded = inputs_of(longer);
    std::ranges::fill(padded.x[1].values<std::int32_t>(), 0);
    padded.dy.fill(1);
    for (std::size_t t = 0; t < 3; ++t) {
      padded.x[1].values<std::int32_t>()[places[t]] = 3;
      for (std::size_t i = 0; i < 2; ++i)
        padded.x[0].values()[places[t] * 2 + i] = in.x[0].values()[t * 2 + i];
      for (std::size_t j = 0; j < 4; ++j)
        padded.dy.values()[places[t] * 4 + j] = 0;  // y says nothing at padding
    }
    padded.more_dy[0] = in.more_dy[0].clone();
    const LayerResult result = run_layer(longer, padded);
    CHECK(same_result(result.more_y[0], expected.more_y[0]));
    for (std::size_t i = 0; i < expected.dw.size(); ++i) CHECK(same_result(result.dw[i], expected.dw[i]));
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t i = 0; i < 2; ++i)
        CHECK(result.dx[0].values()[places[t] * 2 + i] ==
              doctest::Approx(expected.dx[0].values()[t * 2 + i]));
  }
}

TEST_CASE("lstm: dropout stands between the layers, in training" * doctest::test_suite("device")) {
  const LayerCase none = dropping(0), all = dropping(1);
  const LayerInputs in = inputs_of(none);
  LayerInputs other = inputs_of(none);
  for (float& v : other.x[0].values()) v += 1;
  CHECK_FALSE(same_bits(run_layer(none, in).y, run_layer(none, other).y));
  CHECK(same_bits(run_layer(all, in).y, run_layer(all, other).y));
  CHECK_FALSE(
      same_bits(run_layer(all, in).more_y[0], run_layer(all, other).more_y[0]));  // of the first layer
  LayerCase inference = all;
  inference.training = false;
  CHECK(same_bits(run_layer(inference, in).y, run_layer(none, in).y));
}

TEST_CASE("lstm: errors name both sides") {
  const auto layer = lstm(3, 4, {.layers = 2, .tokens = true, .state = true});
  const auto types_of = [&](const Shape& x, const TensorType& tokens, const Shape& state) {
    const TensorType types[] = {{DType::f32, x}, tokens, {DType::f32, state}};
    return layer->infer(types, DType::f32);
  };
  const TensorType tokens{DType::i32, {2, 5}};
  CHECK(types_of({2, 5, 3}, tokens, {2, 16})[1].shape == Shape{2, 16});
  CHECK_THROWS_WITH_AS(types_of({2, 5, 4}, tokens, {2, 16}),
                       "[lstm] x is 2×5×4, but weight_ih_l0 16×3 expects 3 features", Error);
  CHECK_THROWS_WITH_AS(types_of({2, 5}, tokens, {2, 16}), "[lstm] x is 2×5, expected N×T×features", Error);
  CHECK_THROWS_WITH_AS(types_of({2, 6, 3}, tokens, {2, 16}),
                       "[lstm] x[0] is 2×6×3, x[1] is 2×5, expected 2×6", Error);
  CHECK_THROWS_WITH_AS(types_of({2, 5, 3}, {DType::f32, {2, 5}}, {2, 16}),
                       "[lstm] x[1] is float32, expected int32", Error);
  CHECK_THROWS_WITH_AS(types_of({2, 5, 3}, tokens, {2, 8}),
                       "[lstm] x[0] is 2×5×3, x[2] is 2×8, expected 2×16", Error);
  CHECK_THROWS_WITH_AS(layer->infer({}, DType::f32), "[lstm] has 0 inputs, expected 3", Error);
  CHECK_THROWS_WITH_AS(lstm(3, 0), "[lstm] 1 layers of 0 that read 3 were asked for, all must be positive",
                       Error);
  CHECK_THROWS_WITH_AS(lstm(3, 4, {.dropout = 1.5}), "[lstm] dropout is 1.5, expected 0 to 1", Error);
}
