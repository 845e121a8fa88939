#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "engine/run/run.hpp"
#include "kernels/conv2d/conv2d_cpu.hpp"
#include "kernels/conv2d/naive.hpp"
#include "kernels/conv2d_cases.hpp"
#include "kernels/relu/relu_layer.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// A network of the case's layer with random parameters.
Network network_of(const Conv2dCase& c) {
  Network network = single(conv2d(c.x[1], c.out, c.options), c.x[1]);
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, std::string(c.name) + p.name);
  return network;
}

struct Result {
  Tensor y;
  Gradients gradients;
};

Result run(const Network& network, const Tensor& x, const Tensor& dy, int threads) {
  Context context({}, threads);
  Run pass(network, context, x.clone(), {.gradients_at = {0}, .parameter_gradients = true});
  Gradients gradients = pass.backward({1, dy.clone()}, {.wrt = {0}, .parameter_gradients = true});
  return {pass.output().clone(), std::move(gradients)};
}

/// Image n of a batch, or of a gradient with respect to one.
Tensor image(const Tensor& batch, std::int64_t n) {
  Tensor one(batch.shape().with(0, 1));
  std::copy_n(batch.data<float>() + n * one.numel(), one.numel(), one.data<float>());
  return one;
}

}  // namespace

TEST_CASE("conv2d: forward and backward agree with the naive loops") {
  for (const Conv2dCase& c : kConv2dCases) {
    CAPTURE(c.name);
    const Network network = network_of(c);
    const Tensor x = random_tensor(c.x, "conv2d.x");
    const Shape y_shape = network.shapes(c.x)[1];
    const Tensor dy = random_tensor(y_shape, "conv2d.dy");
    const auto parameters = network.parameters();
    const Tensor no_bias = Tensor::zeros({c.out});
    const NaiveResult expected = naive_conv2d(params_of(c, y_shape), x, *parameters[0].tensor,
                                              c.options.bias ? *parameters[1].tensor : no_bias, dy);
    const Result result = run(network, x, dy, 2);
    CHECK(relative_error(result.y, expected.y) <= 2e-6);
    CHECK(relative_error(result.gradients.nodes.at(0), expected.dx) <= 2e-6);
    CHECK(relative_error(result.gradients.parameters[0], expected.dw) <= 2e-6);
    if (c.options.bias) CHECK(relative_error(result.gradients.parameters[1], expected.db) <= 2e-6);
  }
}

TEST_CASE("conv2d: every instruction set agrees with the naive loops and writes nothing outside") {
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    CAPTURE(static_cast<int>(isa));
    const auto& kernels = cpu::micro_kernels<float>(isa);
    for (const Conv2dCase& c : kConv2dCases) {
      CAPTURE(c.name);
      const auto layer = conv2d(c.x[1], c.out, c.options);
      const Shape y_shape = layer->output_shape({&c.x, 1});
      const Shape w_shape = layer->parameters()[0].shape;
      const Conv2dParams params = params_of(c, y_shape);
      const Tensor x = random_tensor(c.x, "isa.x"), w = random_tensor(w_shape, "isa.w"),
                   b = random_tensor({c.out}, "isa.b"), dy = random_tensor(y_shape, "isa.dy");
      const NaiveResult expected = naive_conv2d(params, x, w, b, dy);
      Context context({}, 2);
      const auto pool = std::make_shared<SentinelPool>();
      Tensor y(y_shape, DType::f32, pool), dx(c.x, DType::f32, pool);
      Tensor dw = Tensor::zeros(w_shape, DType::f32, pool);
      cpu::conv2d_forward_by(context, kernels, params, x.data<float>(), w.data<float>(), b.data<float>(),
                             y.data<float>());
      cpu::conv2d_backward_data_by(context, kernels, params, dy.data<float>(), w.data<float>(),
                                   dx.data<float>());
      cpu::conv2d_backward_filter_by(context, kernels, params, x.data<float>(), dy.data<float>(),
                                     dw.data<float>());
      CHECK(relative_error(y, expected.y) <= 2e-6);
      CHECK(relative_error(dx, expected.dx) <= 2e-6);
      CHECK(relative_error(dw, expected.dw) <= 2e-6);
      CHECK(pool->intact());
    }
  }
}

TEST_CASE("conv2d: a residual and a ReLU follow in the same operation") {
  const Conv2dParams params{.batch = 2,
                            .in_channels = 3,
                            .in_height = 4,
                            .in_width = 5,
                            .out_channels = 2,
                            .out_height = 4,
                            .out_width = 5};
  const Tensor x = random_tensor({2, 3, 4, 5}, "fused.x"), w = random_tensor({2, 3, 1, 1}, "fused.w"),
               b = random_tensor({2}, "fused.b"), residual = random_tensor({2, 2, 4, 5}, "fused.r");
  const NaiveResult naive = naive_conv2d(params, x, w, b, residual);
  Context context({}, 1);
  for (const bool with_residual : {false, true})
    for (const double upper : {0.0, 0.5, std::numeric_limits<double>::infinity()}) {  // 0 stands for no ReLU
      Tensor y(residual.shape());
      const Epilogue<float> epilogue{with_residual ? residual.data<float>() : nullptr, upper > 0, upper};
      cpu::conv2d_fused_forward<float>(context, params, x.data<float>(), w.data<float>(), nullptr,
                                       b.data<float>(), epilogue, y.data<float>());
      for (std::size_t i = 0; i < y.values().size(); ++i) {
        double expected = naive.y.data<double>()[i] + (with_residual ? double{residual.values()[i]} : 0);
        if (upper > 0) expected = std::clamp(expected, 0.0, upper);
        CHECK(std::abs(double{y.values()[i]} - expected) <= 1e-5);
      }
    }
}

TEST_CASE("conv2d: packed weights give the bits of the others") {
  int products = 0;
  for (const Conv2dCase& c : kConv2dCases) {
    CAPTURE(c.name);
    const Network network = network_of(c);
    Context context({}, 2);
    const auto made = [&](bool pack) {
      Optimisations optimise = Optimisations::none();
      optimise.pack = pack;
      return Run(network, context, random_tensor(c.x, "conv2d.x"),
                 {.gradients_at = {0}, .optimise = optimise});
    };
    Run packed = made(true), plain = made(false);
    CHECK(same_bits(packed.output(), plain.output()));
    const Seed seed{1, random_tensor(plain.output().shape(), "conv2d.dy")};
    CHECK(same_bits(packed.backward(seed, {.wrt = {0}}).nodes.at(0),
                    plain.backward(seed, {.wrt = {0}}).nodes.at(0)));
    const bool is_product = is_pointwise(*network.node(1).layer) && c.out > 1;
    CHECK((packed.program().packed_backward(1) != nullptr) == is_product);
    products += is_product;
  }
  CHECK(products >= 2);
}

TEST_CASE("conv2d: packed weights are for the kernel that its shape asks for") {
  struct Choice {
    Shape x;
    std::int64_t out;
    Conv2dOptions options;
    cpu::Conv2dKernel kernel, with_winograd;
  };
  using enum cpu::Conv2dKernel;
  const Choice choices[] = {
      {{1, 32, 16, 16}, 32, {.kernel = 3, .padding = 1}, patches, winograd_4x4},
      {{1, 32, 7, 7}, 32, {.kernel = 3, .padding = 1}, few_columns, winograd_2x2},
      {{1, 32, 8, 8}, 16, {.kernel = 1}, few_columns, few_columns},
      {{1, 32, 9, 8}, 512, {.kernel = 1}, pointwise, pointwise},         // few terms
      {{1, 256, 14, 14}, 196, {.kernel = 1}, few_columns, few_columns},  // as many filters as pixels
      {{1, 256, 14, 14}, 195, {.kernel = 1}, pointwise, pointwise},
      {{1, 256, 28, 28}, 512, {.kernel = {1, 2}, .stride = 2}, few_columns, few_columns},
      {{1, 256, 17, 16}, 512, {.kernel = 1}, pointwise, pointwise},
      {{1, 32, 7, 7}, 32, {.kernel = 3, .groups = 32}, depthwise, depthwise},
  };
  Context context({}, 1);
  for (const Choice& c : choices) {
    CAPTURE(c.x);
    CAPTURE(c.out);
    const auto layer = conv2d(c.x[1], c.out, c.options);
    const Conv2dParams params = *conv2d_params(*layer, c.x);
    const Tensor w = random_tensor(layer->parameters()[0].shape, "conv2d.choice");
    for (const bool winograd : {false, true}) {
      const Tensor packed = cpu::conv2d_pack(context, params, w.data<float>(), winograd);
      CHECK(cpu::name_of(cpu::conv2d_kernel(params, packed.defined() ? &packed : nullptr)) ==
            cpu::name_of(winograd ? c.with_winograd : c.kernel));
    }
  }
}

TEST_CASE("conv2d: a stride beyond the image needs no memory for the places between") {
  const Conv2dCase c{"far", {1, 2, 9, 7}, 3, {.kernel = 1, .stride = {3, 1 << 20}, .bias = false}};
  const Network network = network_of(c);
  Context context({}, 1);
  const Tensor x = random_tensor(c.x, "conv2d.far.x");
  Run pass(network, context, x.clone());
  const Shape y_shape = network.shapes(c.x)[1];
  const NaiveResult expected = naive_conv2d(params_of(c, y_shape), x, *network.parameters()[0].tensor,
                                            Tensor::zeros({3}), Tensor::zeros(y_shape));
  CHECK(relative_error(pass.output(), expected.y) <= 2e-6);
  CHECK(context.memory().peak_bytes() <= 1 << 16);  // most of it is for the product
}

TEST_CASE("conv2d: a layer tells what it asks of the kernels and other layers nothing") {
  for (const Conv2dCase& c : kConv2dCases) {
    CAPTURE(c.name);
    const auto layer = conv2d(c.x[1], c.out, c.options);
    const auto params = conv2d_params(*layer, c.x);
    REQUIRE(params.has_value());
    CHECK(*params == params_of(c, layer->output_shape({&c.x, 1})));
  }
  CHECK(!conv2d_params(*relu(), {1, 2, 3, 4}).has_value());
}

TEST_CASE("conv2d: parameter gradients add to what is there") {
  const Conv2dParams params{.batch = 2,
                            .in_channels = 3,
                            .in_height = 4,
                            .in_width = 5,
                            .out_channels = 2,
                            .out_height = 4,
                            .out_width = 5};
  const Tensor x = random_tensor({2, 3, 4, 5}, "add.x"), w = random_tensor({2, 3, 1, 1}, "add.w"),
               b = random_tensor({2}, "add.b"), dy = random_tensor({2, 2, 4, 5}, "add.dy");
  const NaiveResult expected = naive_conv2d(params, x, w, b, dy);
  Context context({}, 1);
  Tensor dw = Tensor::zeros({2, 3, 1, 1}), db = Tensor::zeros({2});
  dw.fill(100);
  db.fill(100);
  cpu::conv2d_backward_filter<float>(context, params, x.data<float>(), dy.data<float>(), dw.data<float>());
  cpu::conv2d_backward_bias<float>(context, params, dy.data<float>(), db.data<float>());
  for (int i = 0; i < 6; ++i) {
    const double sum = expected.dw.data<double>()[i] + 100;
    CHECK(std::abs(dw.values()[static_cast<std::size_t>(i)] - sum) <= 1e-4);
  }
  for (int i = 0; i < 2; ++i) {
    const double sum = expected.db.data<double>()[i] + 100;
    CHECK(std::abs(db.values()[static_cast<std::size_t>(i)] - sum) <= 1e-4);
  }
}

TEST_CASE("conv2d: backward is the gradient") {
  for (const Conv2dCase& c : kConv2dCases) {
    if (c.x.numel() > 700) continue;
    CAPTURE(c.name);
    Network network = network_of(c);
    const auto result = gradcheck(network, random_tensor(c.x, "conv2d.gradcheck"));
    CAPTURE(result.where);
    CHECK(result.checked >= c.x.numel());
    CHECK(result.worst <= 1e-7);
  }
}

TEST_CASE("conv2d: a batch equals its images one by one bit for bit") {
  for (const Conv2dCase& c : kConv2dCases) {
    CAPTURE(c.name);
    const Network network = network_of(c);
    const Shape shape = c.x.with(0, 5);
    const Tensor x = random_tensor(shape, "conv2d.batch.x");
    const Tensor dy = random_tensor(network.shapes(shape)[1], "conv2d.batch.dy");
    const Result batch = run(network, x, dy, 2);
    for (std::int64_t n = 0; n < 5; ++n) {
      const Result alone = run(network, image(x, n), image(dy, n), 2);
      CHECK(same_bits(alone.y, image(batch.y, n)));
      CHECK(same_bits(alone.gradients.nodes.at(0), image(batch.gradients.nodes.at(0), n)));
    }
  }
}

TEST_CASE("conv2d: results do not depend on the number of threads") {
  for (const Conv2dCase& c : kConv2dCases) {
    CAPTURE(c.name);
    const Network network = network_of(c);
    const Tensor x = random_tensor(c.x, "conv2d.threads.x");
    const Tensor dy = random_tensor(network.shapes(c.x)[1], "conv2d.threads.dy");
    const Result one = run(network, x, dy, 1);
    for (const int threads : {2, 3}) {
      const Result several = run(network, x, dy, threads);
      CHECK(same_bits(several.y, one.y));
      CHECK(same_bits(several.gradients.nodes.at(0), one.gradients.nodes.at(0)));
      for (std::size_t i = 0; i < one.gradients.parameters.size(); ++i)
        CHECK(same_bits(several.gradients.parameters[i], one.gradients.parameters[i]));
    }
  }
}

TEST_CASE("conv2d: forward and backward agree with PyTorch") {
  const Conv2dCase cases[] = {
      {"3x3", {2, 5, 9, 7}, 13, {.kernel = 3, .padding = 1}},
      {"stride2_uneven", {1, 3, 12, 9}, 7, {.kernel = 3, .stride = 2, .padding = 1}},
      {"11x11_stride4", {1, 3, 23, 26}, 5, {.kernel = 11, .stride = 4, .padding = 2}},
      {"one_sided", {2, 3, 7, 8}, 4, {.kernel = 3, .padding = {0, 2, 3, 1}}},
      {"same_5x5_stride2", {1, 2, 14, 9}, 4, {.kernel = 5, .stride = 2, .same = true}},
      {"axes_differ",
       {1, 3, 15, 14},
       6,
       {.kernel = {3, 2}, .stride = {2, 3}, .dilation = {2, 1}, .padding = {1, 2, 0, 3}}},
      {"dilation2_stride2", {1, 4, 11, 10}, 5, {.kernel = 3, .stride = 2, .dilation = 2, .padding = 2}},
      {"1x7", {1, 6, 5, 11}, 4, {.kernel = {1, 7}, .padding = {0, 0, 3, 3}}},
      {"groups4", {1, 8, 6, 7}, 12, {.kernel = 3, .padding = 1, .groups = 4}},
      {"depthwise_multiplier2", {2, 5, 6, 7}, 10, {.kernel = 3, .padding = 1, .groups = 5}},
  };
  for (const Conv2dCase& c : cases) {
    CAPTURE(c.name);
    const std::string name(c.name);
    Network network = single(conv2d(c.x[1], c.out, c.options), c.x[1]);
    const auto parameters = network.parameters();
    fill(*parameters[0].tensor, name + ".weight");
    fill(*parameters[1].tensor, name + ".bias");
    const Shape y_shape = network.shapes(c.x)[1];
    const Result result =
        run(network, random_tensor(c.x, name + ".x"), random_tensor(y_shape, name + ".dy"), 2);
    CHECK(relative_error(result.y, golden("conv2d", name + ".y")) <= 2e-6);
    CHECK(relative_error(result.gradients.nodes.at(0), golden("conv2d", name + ".dx")) <= 2e-6);
    CHECK(relative_error(result.gradients.parameters[0], golden("conv2d", name + ".dw")) <= 2e-6);
    CHECK(relative_error(result.gradients.parameters[1], golden("conv2d", name + ".db")) <= 2e-6);
  }
}

TEST_CASE("conv2d: over one line it reads n-grams, a word and those before it" *
          doctest::test_suite("device")) {
  const auto n_gram = [](std::int64_t size, std::int64_t before, std::int64_t behind) {
    return LayerCase{.name = text("conv2d.", size, "_gram"),
                     .make =
                         [=] {
                           return conv2d(4, 5, {.kernel = {1, size}, .padding = {0, 0, before, behind}});
                         },
                     .x = {{3, 4, 1, 7}}};
  };
  const LayerCase cases[] = {n_gram(1, 0, 0), n_gram(2, 1, 0), n_gram(3, 1, 1)};
  check_goldens(cases, 2e-6, "language");
  check_gradients(cases);
}

TEST_CASE("conv2d: errors name both sides") {
  const auto layer = conv2d(64, 32, {.kernel = 3});
  const auto shape_of = [&](const Shape& x) { return layer->output_shape({&x, 1}); };
  CHECK(shape_of({1, 64, 3, 3}) == Shape{1, 32, 1, 1});
  CHECK_THROWS_WITH_AS(shape_of({1, 3, 32, 32}),
                       "[conv2d] x is 1×3×32×32, but weight 32×64×3×3 with 1 group expects C=64", Error);
  CHECK_THROWS_WITH_AS(shape_of({1, 64}), "[conv2d] x is 1×64, expected N×C×H×W", Error);
  CHECK_THROWS_WITH_AS(shape_of({1, 64, 5, 2}),
                       "[conv2d] x is 1×64×5×2, too small for the kernel 3×3 at dilation 1×1", Error);
  CHECK_THROWS_WITH_AS(
      conv2d(6, 8, {.groups = 4}),
      "[conv2d] 6 input and 8 output channels were asked for with 4 groups, which must divide both", Error);
  CHECK_THROWS_WITH_AS(conv2d(0, 8, {}),
                       "[conv2d] 0 input and 8 output channels were asked for, expected 1 or more", Error);
  CHECK_THROWS_WITH_AS(conv2d(6, 8, {.stride = {1, 0}}),
                       "[conv2d] kernel 1×1, stride 1×0, dilation 1×1: expected numbers from 1 to 1048576",
                       Error);
  CHECK_THROWS_WITH_AS(
      conv2d(6, 8, {.padding = {0, -1, 0, 0}}),
      "[conv2d] padding (top, bottom, left, right) is 0,-1,0,0, expected numbers from 0 to 1048576", Error);
  for (const std::int64_t huge : {std::int64_t{1 << 20} + 1, std::numeric_limits<std::int64_t>::max()})
    for (const Conv2dOptions& options :
         {Conv2dOptions{.kernel = {1, huge}}, Conv2dOptions{.stride = huge},
          Conv2dOptions{.dilation = {huge, 1}}, Conv2dOptions{.padding = {0, 0, 0, huge}}}) {
      try {
        conv2d(6, 8, options);
        FAIL_CHECK("was not refused");
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
      }
    }
  // The largest of all leave no room, or more outputs than memory holds, and no index overflows.
  const auto largest = conv2d(1, 1, {.kernel = 3, .dilation = 1 << 20, .padding = 1 << 20, .bias = false});
  const Shape x{1, 1, 9, 9};
  CHECK(largest->output_shape({&x, 1}) == Shape{1, 1, 9, 9});
  CHECK_THROWS_AS(conv2d(6, 8, {.padding = 1, .same = true}), Error);
}
