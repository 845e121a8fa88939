#include <doctest/doctest.h>

#include "kernels/linear/linear_cpu.hpp"
#include "kernels/linear/linear_layer.hpp"
#include "kernels/linear/naive.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct LinearCase {
  std::int64_t batch, in, out;
  bool bias;
};
const LinearCase kLinearCases[] = {
    {1, 1, 1, true},     {3, 13, 127, true}, {2, 127, 13, false}, {5, 32, 1, true},    {1, 257, 31, true},
    {9, 1000, 6, false}, {4, 64, 64, true},  {7, 33, 9, true},    {1, 4097, 3, false}, {2, 5000, 17, true}};

/// A pass of one linear layer on an N×in input, below the network machinery, whose inputs have four axes.
struct LinearResult {
  Tensor y, dx, dw, db;
};

/// A layer with its parameters.
struct FilledLayer {
  std::unique_ptr<Layer> layer;
  std::vector<Tensor> w;
};

LinearResult run(const FilledLayer& filled, const Tensor& x, const Tensor& dy, int threads) {
  Context context({}, threads);
  Tensor y(dy.shape(), dy.dtype());
  LinearResult result{{}, Tensor(x.shape(), x.dtype()), {}, {}};
  result.dw = Tensor::zeros(filled.w[0].shape(), x.dtype());
  if (filled.w.size() > 1) result.db = Tensor::zeros(filled.w[1].shape(), x.dtype());
  std::vector<const Tensor*> w;
  for (const Tensor& tensor : filled.w) w.push_back(&tensor);
  const Tensor* const inputs[] = {&x};
  const Tensor* const seeds[] = {&dy};
  const Tensor* const unread[] = {nullptr};
  Tensor* const outputs[] = {&y};
  const Shape shapes[] = {x.shape()};
  Tensor* const dx[] = {&result.dx};
  Tensor* const dw[] = {&result.dw, &result.db};
  Saved saved;
  filled.layer->forward({.context = context, .x = inputs, .w = w, .y = outputs, .saved = &saved});
  filled.layer->backward({.context = context,
                          .x = inputs,
                          .x_shapes = shapes,
                          .w = w,
                          .y = unread,
                          .saved = saved,
                          .dy = seeds,
                          .dx = dx,
                          .dw = std::span(dw).first(w.size())});
  result.y = std::move(y);
  return result;
}

FilledLayer layer_of(const LinearCase& c, DType dtype = DType::f32) {
  FilledLayer filled{linear(c.in, c.out, c.bias), {}};
  for (const ParameterSpec& p : filled.layer->parameters())
    filled.w.push_back(random_tensor(p.shape, p.name, -1, 1, dtype));
  return filled;
}

Tensor row(const Tensor& batch, std::int64_t n) {
  Tensor one(batch.shape().with(0, 1));
  std::copy_n(batch.data<float>() + n * one.numel(), one.numel(), one.data<float>());
  return one;
}

void check_against_naive(const LinearCase& c, DType dtype, double tolerance) {
  CAPTURE(c.batch);
  CAPTURE(c.in);
  CAPTURE(c.out);
  const FilledLayer layer = layer_of(c, dtype);
  const Tensor x = random_tensor({c.batch, c.in}, "linear.x", -1, 1, dtype);
  const Tensor dy = random_tensor({c.batch, c.out}, "linear.dy", -1, 1, dtype);
  const Tensor no_bias = Tensor::zeros({c.out});
  const NaiveResult expected =
      naive_linear(x, layer.w[0], c.bias ? layer.w[1] : no_bias, dy);
  const LinearResult result = run(layer, x, dy, 2);
  CHECK(relative_error(result.y, expected.y) <= tolerance);
  CHECK(relative_error(result.dx, expected.dx) <= tolerance);
  CHECK(relative_error(result.dw, expected.dw) <= tolerance);
  if (c.bias) CHECK(relative_error(result.db, expected.db) <= tolerance);
}

}  // namespace

TEST_CASE("linear: forward and backward agree with the naive loops") {
  for (const LinearCase& c : kLinearCases) check_against_naive(c, DType::f32, 2e-6);
}

TEST_CASE("linear: every instruction set agrees with the naive loops and writes nothing outside") {
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    CAPTURE(static_cast<int>(isa));
    const auto& kernels = cpu::micro_kernels<float>(isa);
    for (const LinearCase& c : kLinearCases) {
      CAPTURE(c.in);
      CAPTURE(c.out);
      const LinearParams params{.batch = c.batch, .in = c.in, .out = c.out};
      const Tensor x = random_tensor({c.batch, c.in}, "isa.x"), w = random_tensor({c.out, c.in}, "isa.w"),
                   b = random_tensor({c.out}, "isa.b"), dy = random_tensor({c.batch, c.out}, "isa.dy");
      const NaiveResult expected = naive_linear(x, w, b, dy);
      Context context({}, 2);
      const auto pool = std::make_shared<SentinelPool>();
      Tensor y(dy.shape(), DType::f32, pool), dx(x.shape(), DType::f32, pool);
      Tensor dw = Tensor::zeros(w.shape(), DType::f32, pool);
      cpu::linear_forward_by(context, kernels, params, x.data<float>(), w.data<float>(), b.data<float>(),
                             y.data<float>());
      cpu::linear_backward_data_by(context, kernels, params, dy.data<float>(), w.data<float>(),
                                   dx.data<float>());
      cpu::linear_backward_filter_by(context, kernels, params, x.data<float>(), dy.data<float>(),
                                     dw.data<float>());
      CHECK(relative_error(y, expected.y) <= 2e-6);
      CHECK(relative_error(dx, expected.dx) <= 2e-6);
      CHECK(relative_error(dw, expected.dw) <= 2e-6);
      CHECK(pool->intact());
    }
  }
}

TEST_CASE("linear: the context's instruction set is the one that computes") {
  const LinearParams params{.batch = 1, .in = 1000, .out = 64};
  const Tensor x = random_tensor({1, params.in}, "which.x"), w = random_tensor({params.out, params.in}, "which.w");
  std::vector<Tensor> seen;
  for (const cpu::Isa isa : cpu::kIsas) {
    if (!cpu::available(isa)) continue;
    CAPTURE(cpu::name_of(isa));
    Context context({}, 1, Precision::strict, isa);
    Tensor y = context.empty({1, params.out}), expected = context.empty(y.shape());
    cpu::linear_forward<float>(context, params, x.data<float>(), w.data<float>(), nullptr, y.data<float>());
    cpu::linear_forward_by<float>(context, cpu::micro_kernels<float>(isa), params, x.data<float>(), w.data<float>(),
                           nullptr, expected.data<float>());
    CHECK(same_bits(y, expected));
    // Each set adds in lanes of its own number, so that rounding tells them apart.
    for (const Tensor& other : seen) CHECK_FALSE(same_bits(y, other));
    seen.push_back(std::move(y));
  }
}

TEST_CASE("linear: forward and backward agree with PyTorch") {
  FilledLayer layer = layer_of({3, 127, 13, true});
  fill(layer.w[0], "linear.weight");
  fill(layer.w[1], "linear.bias");
  const LinearResult result =
      run(layer, random_tensor({3, 127}, "linear.x"), random_tensor({3, 13}, "linear.dy"), 2);
  CHECK(relative_error(result.y, golden("conv2d", "linear.y")) <= 2e-6);
  CHECK(relative_error(result.dx, golden("conv2d", "linear.dx")) <= 2e-6);
  CHECK(relative_error(result.dw, golden("conv2d", "linear.dw")) <= 2e-6);
  CHECK(relative_error(result.db, golden("conv2d", "linear.db")) <= 2e-6);
}

TEST_CASE("linear: of many words it agrees with the naive loops") {
  for (const LinearCase& c : kLinearCases) {
    CAPTURE(c.in);
    const LayerCase words{.name = "linear.many_words",
                          .make = [=] { return linear(c.in, c.out, c.bias); },
                          .x = {{2, c.batch, c.in}}};
    const auto naive = [&](const LayerCase& layer, const LayerInputs& in) {
      LayerResult result;
      const Tensor no_bias = Tensor::zeros({c.out});
      const std::int64_t rows = 2 * c.batch;
      NaiveResult expected = naive_linear(in.x[0].clone().reshaped({rows, c.in}), in.w[0],
                                          c.bias ? in.w[1] : no_bias, in.dy.clone().reshaped({rows, c.out}));
      result.y = std::move(expected.y).reshaped(in.dy.shape());
      result.dx.push_back(std::move(expected.dx).reshaped(layer.x[0]));
      result.dw.push_back(std::move(expected.dw));
      if (c.bias) result.dw.push_back(std::move(expected.db));
      return result;
    };
    check_reference({&words, 1}, naive, 2e-6);
    check_promises({&words, 1});
  }
}

TEST_CASE("linear: every word is a row" * doctest::test_suite("device")) {
  const LayerCase words{.name = "linear.words", .make = [] { return linear(7, 4); }, .x = {{3, 5, 7}}};
  check_goldens({&words, 1}, 2e-6, "language");
  check_gradients({&words, 1});
  check_promises({&words, 1});
}

TEST_CASE("linear: a zero gradient is not propagated") {
  const FilledLayer layer = layer_of({1, 300, 40, true});
  Tensor dy = Tensor::zeros({1, 40});
  dy.values()[17] = 2;
  const LinearResult result = run(layer, random_tensor({1, 300}, "linear.x"), dy, 1);
  const float* row_17 = layer.w[0].data<float>() + 17 * 300;
  for (std::size_t i = 0; i < 300; ++i) CHECK(result.dx.values()[i] == 2 * row_17[i]);
}

TEST_CASE("linear: double precision agrees with the naive loops to rounding") {
  for (const LinearCase& c : kLinearCases) check_against_naive(c, DType::f64, 1e-14);
}

TEST_CASE("linear: a batch equals its images one by one bit for bit") {
  for (const LinearCase& c : kLinearCases) {
    const FilledLayer layer = layer_of(c);
    const Tensor x = random_tensor({c.batch, c.in}, "linear.batch.x");
    const Tensor dy = random_tensor({c.batch, c.out}, "linear.batch.dy");
    const LinearResult batch = run(layer, x, dy, 2);
    for (std::int64_t n = 0; n < c.batch; ++n) {
      const LinearResult alone = run(layer, row(x, n), row(dy, n), 2);
      CHECK(same_bits(alone.y, row(batch.y, n)));
      CHECK(same_bits(alone.dx, row(batch.dx, n)));
    }
  }
}

TEST_CASE("linear: results do not depend on the number of threads") {
  for (const LinearCase& c : kLinearCases) {
    const FilledLayer layer = layer_of(c);
    const Tensor x = random_tensor({c.batch, c.in}, "linear.threads.x");
    const Tensor dy = random_tensor({c.batch, c.out}, "linear.threads.dy");
    const LinearResult one = run(layer, x, dy, 1);
    for (const int threads : {2, 3}) {
      const LinearResult several = run(layer, x, dy, threads);
      CHECK(same_bits(several.y, one.y));
      CHECK(same_bits(several.dx, one.dx));
      CHECK(same_bits(several.dw, one.dw));
    }
  }
}

TEST_CASE("linear: errors name both sides") {
  const auto layer = linear(512, 10);
  const auto shape_of = [&](const Shape& x) { return layer->output_shape({&x, 1}); };
  CHECK(shape_of({4, 512}) == Shape{4, 10});
  CHECK_THROWS_WITH_AS(shape_of({4, 256}), "[linear] x is 4×256, but weight 10×512 expects 512 features",
                       Error);
  CHECK(shape_of({4, 7, 512}) == Shape{4, 7, 10});
  CHECK_THROWS_WITH_AS(shape_of({4, 512, 7}), "[linear] x is 4×512×7, but weight 10×512 expects 512 features",
                       Error);
  CHECK_THROWS_WITH_AS(shape_of({4, 512, 1, 1}),
                       "[linear] x is 4×512×1×1, expected N×features or N×T×features", Error);
  CHECK_THROWS_AS(linear(0, 10), Error);
}
