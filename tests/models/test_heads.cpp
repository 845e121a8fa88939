#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "engine/run/run.hpp"
#include "models/language/heads.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/fill_network.hpp"
#include "support/golden.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

constexpr std::int64_t kChannels = 3, kHeight = 5, kWidth = 6;

Tensor ids(const Shape& shape, const std::vector<std::int32_t>& values) {
  Tensor tokens(shape, DType::i32);
  std::ranges::copy(values, tokens.data<std::int32_t>());
  return tokens;
}

/// A small head of tests/golden/make_heads.py.
struct Head {
  std::string name;
  Network network;
  std::vector<std::int32_t> tokens;  ///< 2×4
  std::int64_t height = kHeight, width = kWidth;

  std::vector<Tensor> inputs() const {
    std::vector<Tensor> all = tensors(random_tensor({2, kChannels, height, width}, name + ".map", 0, 2));
    all.push_back(ids({2, 4}, tokens));
    return all;
  }
};

Head filled(std::string name, Network network, std::vector<std::int32_t> tokens) {
  Context context({}, 1);
  fill_network(network, context);
  return {std::move(name), std::move(network), std::move(tokens)};
}

Network small_coattention(bool parallel) {
  return coattention_head({.channels = kChannels,
                           .words = 7,
                           .answers = 4,
                           .size = 4,
                           .last = 6,
                           .lstm_layers = parallel ? 1 : 2,
                           .parallel = parallel});
}

std::vector<Head> small_heads() {
  const std::vector<std::int32_t> caption{1, 5, 3, 4, 1, 2, 6, 0}, question{1, 5, 3, 0, 2, 6, 0, 0};
  std::vector<Head> all;
  all.push_back(filled(
      "caption", caption_head({.encoder = {.channels = kChannels, .layers = {6, 5}}, .words = 7}), caption));
  all.push_back(filled("vqa",
                       vqa_head({.encoder = {.channels = kChannels, .layers = {6}},
                                 .words = 7,
                                 .answers = 4,
                                 .word_size = 3,
                                 .hidden = 4,
                                 .common = 5}),
                       question));
  for (const bool parallel : {false, true})
    all.push_back(filled(parallel ? "parallel" : "alternating", small_coattention(parallel), question));
  all.push_back(filled("bag",
                       bag_head({.channels = kChannels,
                                 .map_side = 4,
                                 .words = 7,
                                 .answers = 4,
                                 .longest = 4,
                                 .size = 5,
                                 .layers = 2}),
                       {1, 5, 1, 0, 2, 6, 4, 3}));
  all.back().height = all.back().width = 4;
  all.push_back(filled(
      "show_and_tell",
      show_and_tell_head(
          {.channels = kChannels, .words = 7, .word_size = 5, .hidden = 4, .layers = 2, .lstm_bias = false}),
      caption));
  all.push_back(filled("basic_vqa",
                       basic_vqa_head({.channels = kChannels,
                                       .map_side = 4,
                                       .image = {6, 5, 4},
                                       .words = 7,
                                       .answers = 4,
                                       .word_size = 3,
                                       .hidden = 4}),
                       question));
  all.back().height = all.back().width = 4;
  return all;
}

std::vector<TensorType> types_of(const std::vector<Tensor>& values) {
  std::vector<TensorType> types;
  for (const Tensor& value : values) types.push_back({value.dtype(), value.shape()});
  return types;
}

Tensor scores_of(const Head& head, Context& context, std::vector<Tensor> values) {
  const auto program =
      std::make_shared<const Program>(head.network, context, types_of(values), ProgramOptions{});
  return context.to_host(Run(program, context, std::move(values)).output());
}

/// Row n of a batch.
Tensor row_of(const Tensor& batch, std::int64_t n) {
  Tensor row(batch.shape().with(0, 1), batch.dtype());
  const auto* const from = static_cast<const std::byte*>(batch.raw());
  std::copy_n(from + static_cast<std::size_t>(n) * row.bytes(), row.bytes(),
              static_cast<std::byte*>(row.raw()));
  return row;
}

std::int64_t count_of(const Network& network, std::string_view module) {
  std::int64_t count = 0;
  for (const ConstNamedParameter& p : network.parameters())
    if (p.trainable && p.name.starts_with(module)) count += p.tensor->numel();
  return count;
}

}  // namespace

TEST_CASE("heads: scores and every gradient agree with PyTorch, guided ones, too" *
          doctest::test_suite("device")) {
  Context context = test_context(2);
  const double tolerance = tolerance_on(context.device(), 1e-5);
  for (Head& head : small_heads()) {
    CAPTURE(head.name);
    head.network.to(context);
    std::vector<Tensor> values = head.inputs();
    const std::vector<TensorType> types = types_of(values);
    Run run(std::make_shared<const Program>(
                head.network, context, types,
                ProgramOptions{.gradients_at = {head.network.input()}, .parameter_gradients = true}),
            context, std::move(values));
    CHECK(relative_error(context.to_host(run.output()), golden("heads", head.name + ".scores")) <= tolerance);
    const Seed seed{head.network.output(), random_tensor(run.output().shape(), head.name + ".dy")};
    const BackwardOptions options{.wrt = {head.network.input()}, .parameter_gradients = true};
    const Gradients gradients = to_host(context, run.backward(seed, options));
    const Tensor& dmap = gradients.nodes.at(head.network.input());
    CHECK(relative_error(dmap, golden("heads", head.name + ".dmap")) <= tolerance);
    const auto& parameters = head.network.Graph::parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].spec.trainable) continue;
      CAPTURE(parameters[i].name);
      Tensor expected = golden("heads", head.name + ".d" + parameters[i].name);
      expected = std::move(expected).reshaped(
          parameters[i].spec.shape);  // a convolution over time is one over a line
      // A bias before a softmax has none.
      CHECK(relative_error(gradients.parameters[i], expected, 1e-2) <= 10 * tolerance);
    }
    const Gradients guided =
        to_host(context, run.backward(seed, {.rule = BackwardRule::guided, .wrt = {head.network.input()}}));
    CHECK(relative_error(guided.nodes.at(head.network.input()), golden("heads", head.name + ".guided")) <=
          tolerance);
    const bool has_relu = head.name == "caption" || head.name == "vqa" || head.name == "basic_vqa";
    CHECK(same_bits(guided.nodes.at(head.network.input()), dmap) == !has_relu);
  }
}

TEST_CASE("heads: backward is the gradient at the map and of every parameter") {
  for (Head& head : small_heads()) {
    CAPTURE(head.name);
    if (head.name == "basic_vqa") continue;  // a length that is detached has no gradient
    const GradcheckResult result = gradcheck(head.network, head.inputs());
    CAPTURE(result.where);
    CHECK(result.checked == 2 * kChannels * head.height * head.width + head.network.parameter_count());
    CHECK(result.worst <= 1e-7);
  }
}

TEST_CASE("heads: a batch equals its items, and padding changes no score" * doctest::test_suite("device")) {
  Context context = test_context(1);
  for (Head& head : small_heads()) {
    CAPTURE(head.name);
    head.network.to(context);
    const Tensor scores = scores_of(head, context, head.inputs());
    for (std::int64_t n = 0; n < 2; ++n) {
      std::vector<Tensor> one;
      for (const Tensor& value : head.inputs()) one.push_back(row_of(value, n));
      CHECK(same_result(scores_of(head, context, std::move(one)), row_of(scores, n)));
    }
    // There, padding takes part in the image's attention, or the LSTM reads it.
    if (head.name == "parallel" || head.name == "basic_vqa") continue;
    if (head.name == "bag") {  // of one length, whose words count once and have no order
      std::vector<Tensor> shuffled = head.inputs();
      shuffled[1] = ids({2, 4}, {0, 5, 1, 5, 4, 3, 2, 6});
      CHECK(same_result(scores_of(head, context, std::move(shuffled)), scores));
      continue;
    }
    std::vector<Tensor> longer = head.inputs();
    longer[1] = Tensor::zeros({2, 7}, DType::i32);
    for (std::size_t i = 0; i < 8; ++i) longer[1].values<std::int32_t>()[i / 4 * 7 + i % 4] = head.tokens[i];
    const Tensor padded = scores_of(head, context, std::move(longer));
    if (head.name != "caption" && head.name != "show_and_tell") {
      CHECK(same_result(padded, scores));
      continue;
    }
    Tensor first(scores.shape());  // a caption goes on behind its end, which changes nothing before it
    for (std::int64_t n = 0; n < 2; ++n)
      std::copy_n(padded.data<float>() + n * 49, 28, first.data<float>() + n * 28);
    CHECK(same_result(first, scores));
  }
}

TEST_CASE("heads: a caption said word by word has the scores of the whole" * doctest::test_suite("device")) {
  Context context = test_context(1);
  Head head = std::move(small_heads()[0]);
  head.network.to(context);
  const Tensor scores = scores_of(head, context, head.inputs());
  const NodeId picture = head.network.find("lstm") + 1, next = head.network.find("sentence") + 1;
  std::vector<Tensor> values = head.inputs();
  const std::vector<TensorType> types = types_of(values);
  const std::vector<Given> map{{0, types[0]}};
  Run encoded(
      std::make_shared<const Program>(head.network, context, map, ProgramOptions{.outputs = {picture}}),
      context, tensors(std::move(values[0])));
  Tensor state = context.to_host(encoded.output()), together(scores.shape());
  const std::vector<Given> given{{picture, {DType::f32, state.shape()}}, {1, {DType::i32, {2, 1}}}};
  const auto step = std::make_shared<const Program>(head.network, context, given,
                                                    ProgramOptions{.outputs = {head.network.output(), next}});
  for (std::size_t t = 0; t < 4; ++t) {
    std::vector<Tensor> word = tensors(std::move(state));
    word.push_back(ids({2, 1}, {head.tokens[t], head.tokens[4 + t]}));
    const Run run(step, context, std::move(word));
    const Tensor said = context.to_host(run.output());
    for (std::size_t n = 0; n < 2; ++n)
      std::copy_n(said.data<float>() + n * 7, 7, together.data<float>() + (n * 4 + t) * 7);
    state = context.to_host(run.value(next));
  }
  CHECK(same_result(together, scores));
}

TEST_CASE("heads: their sizes are those of the papers' networks and of the shipped ones") {
  // Of HieCoAttenVQA's own log: VGG's pool5, a vocabulary of 12,605 words beside the padding, each level by itself.
  const Network coattention = coattention_head({.channels = 512,
                                                .words = 12606,
                                                .answers = 1000,
                                                .size = 512,
                                                .last = 1024,
                                                .lstm_layers = 2,
                                                .coordinates = false,
                                                .dropout = 0.5});
  const auto count = [&](std::initializer_list<std::string_view> modules) {
    std::int64_t sum = 0;
    for (const std::string_view module : modules) sum += count_of(coattention, module);
    return sum;
  };
  CHECK(count({"image.", "embed.", "levels.0."}) == 8031747);
  CHECK(count({"grams.", "levels.1."}) == 2889219);
  CHECK(count({"lstm.", "levels.2."}) == 5517315);
  CHECK(count({"h1.", "h2.", "h3.", "out."}) == 2862056);
  CHECK(coattention.parameter_count() == 8031747 + 2889219 + 5517315 + 2862056);

  // neuraltalk2 behind VGG-16's fc7: 9567 words and the start.
  const Network caption = caption_head(
      {.encoder = {.channels = 4096, .grids = {}, .map_side = 1, .layers = {512}, .batch_norm = false},
       .words = 9568,
       .dropout = 0.5});
  CHECK(count_of(caption, "encoder.layers.0.") == 4096 * 512 + 512);
  CHECK(count_of(caption, "lstm.") == 4 * 512 * (512 + 512) + 2 * 4 * 512);
  const Given given[] = {{0, {DType::f32, {2, 4096, 1, 1}}}, {1, {DType::i32, {2, 17}}}};
  CHECK(caption.types(given, DType::f32).back()->shape == Shape{2, 17, 9568});

  CHECK(caption_head().parameter_count() == 807985);
  CHECK(vqa_head().parameter_count() == 589914);
  CHECK(coattention_head().parameter_count() == 160739);
  CHECK(bag_head().parameter_count() ==
        76093 - (224 + 1168 + 4640) + 27 * 27);  // Keras' count, its convolutions, the bag
}

TEST_CASE("heads: training drops and inference does not") {
  Context context({}, 1);
  VqaSizes sizes{.encoder = {.channels = kChannels, .layers = {6}}, .words = 7, .dropout = 0.5};
  const Head dropping = filled("vqa", vqa_head(sizes), {1, 5, 3, 0, 2, 6, 0, 0});
  sizes.dropout = 0;
  const Head plain = filled("vqa", vqa_head(sizes), dropping.tokens);
  CHECK(
      same_bits(scores_of(dropping, context, dropping.inputs()), scores_of(plain, context, plain.inputs())));
  const auto trained = [&](const Head& head, std::uint64_t seed) {
    std::vector<Tensor> values = head.inputs();
    const std::vector<TensorType> types = types_of(values);
    const Run run(
        std::make_shared<const Program>(head.network, context, types, ProgramOptions{.training = true}),
        context, std::move(values), seed);
    return run.output().clone();
  };
  CHECK(same_bits(trained(plain, 1), trained(plain, 2)));
  CHECK(same_bits(trained(dropping, 1), trained(dropping, 1)));
  CHECK_FALSE(same_bits(trained(dropping, 1), trained(dropping, 2)));
}

TEST_CASE("heads: forget gates are opened and nothing else") {
  Network network = small_coattention(false);
  open_forget_gates(network);
  for (const ConstNamedParameter& p : std::as_const(network).parameters()) {
    CAPTURE(p.name);
    const bool has_gates = p.name == "lstm.bias_ih_l0" || p.name == "lstm.bias_ih_l1";
    for (std::int64_t i = 0; i < p.tensor->numel(); ++i)
      CHECK(p.tensor->data<float>()[i] == (has_gates && i >= 4 && i < 8 ? 1 : 0));
  }
}

TEST_CASE("heads: errors name what does not fit") {
  Context context({}, 1);
  const Head head = std::move(small_heads()[1]);
  const auto run = [&](std::size_t i, Tensor value) {
    std::vector<Tensor> values = head.inputs();
    values[i] = std::move(value);
    scores_of(head, context, std::move(values));
  };
  CHECK_THROWS_WITH_AS(run(1, Tensor::zeros({2, 4})),
                       "the network's input 'tokens' is float32, expected int32", Error);
  CHECK_THROWS_WITH_AS(run(0, Tensor::zeros({2, 4, 5, 6})),
                       "the network's input 'map' is 2×4×5×6, expected N×3×H×W without an empty extent",
                       Error);
  CHECK_THROWS_WITH_AS(run(1, ids({2, 4}, {1, 2, 3, 4, 5, 6, 7, 0})),
                       "[embedding] token 6 has the id 7, but weight 7×3 has the ids 0 to 6", Error);
  CHECK_THROWS_WITH_AS(run(1, Tensor::zeros({3, 4}, DType::i32)),
                       doctest::Contains("x[0] is 3×5, x[1] is 2×5, expected equal extents"), Error);
  CHECK_THROWS_WITH_AS(caption_head({.encoder = {.grids = {}, .layers = {5}}}),
                       "an encoder needs a layer, and a grid or the side of its map", Error);
}
