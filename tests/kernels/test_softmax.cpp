#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/softmax/naive.hpp"
#include "kernels/softmax/softmax_layer.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_layers.py has the same table.
std::vector<LayerCase> softmax_cases(bool log) {
  std::vector<LayerCase> all;
  const auto add = [&](const char* name, const Shape& x) {
    all.push_back({.name = text(log ? "log_softmax." : "softmax.", name),
                   .make = [=] { return log ? log_softmax() : softmax(); },
                   .x = {x},
                   .low = -10,
                   .high = 10});
  };
  add("scores", {3, 13});
  add("one", {2, 1});
  add("wide", {1, 127});
  add("maps", {2, 5, 3, 4});
  return all;
}

// Those of tests/golden/make_language.py.
std::vector<LayerCase> word_cases(bool log) {
  return {{.name = log ? "log_softmax.words" : "softmax.words",
           .make = [=] { return log ? log_softmax(Classes::last) : softmax(Classes::last); },
           .x = {{3, 5, 7}},
           .low = -10,
           .high = 10}};
}
const LayerCase kMaskedCases[] = {
    {.name = "masked_softmax.words",
     .make = masked_softmax,
     .x = {{3, 7, 1}, {3, 7}},
     .low = -10,
     .high = 10,
     .tokens = 1},
    {.name = "masked_softmax.rows",
     .make = masked_softmax,
     .x = {{2, 13}, {2, 13}},
     .low = -10,
     .high = 10,
     .tokens = 1},
    {.name = "masked_softmax.maps",
     .make = masked_softmax,
     .x = {{3, 5, 2, 3}, {3, 5}},
     .low = -10,
     .high = 10,
     .tokens = 1},
};

/// The naive loops know the second dimension: words as rows, one after the other.
LayerResult naive_words(bool log, LayerInputs in) {
  const Shape shape = in.dy.shape(), rows{shape[0] * shape[1], shape[2]};
  in.x[0] = std::move(in.x[0]).reshaped(rows);
  in.dy = std::move(in.dy).reshaped(rows);
  LayerResult result = naive_softmax(log, in);
  result.y = std::move(result.y).reshaped(shape);
  result.dx[0] = std::move(result.dx[0]).reshaped(shape);
  return result;
}

LayerResult run_on(bool log, std::vector<float> x) {
  const LayerCase c{.name = "softmax.values",
                    .make = [=] { return log ? log_softmax() : softmax(); },
                    .x = {{1, static_cast<std::int64_t>(x.size())}}};
  LayerInputs in = inputs_of(c);
  in.x[0] = Tensor::from(c.x[0], x);
  return run_layer(c, in);
}

}  // namespace

TEST_CASE("softmax: agrees with the naive loops" * doctest::test_suite("device")) {
  for (const bool log : {false, true})
    check_reference(
        softmax_cases(log),
        [=](const LayerCase&, const LayerInputs& in) { return naive_softmax(log, in); }, 2e-6);
  for (const bool log : {false, true})
    check_reference(
        word_cases(log),
        [=](const LayerCase& c, const LayerInputs&) { return naive_words(log, inputs_of(c, DType::f64)); },
        2e-6);
  check_reference(
      kMaskedCases, [](const LayerCase&, const LayerInputs& in) { return naive_masked_softmax(in); }, 2e-6);
}

TEST_CASE("softmax: agrees with PyTorch" * doctest::test_suite("device")) {
  for (const bool log : {false, true}) check_goldens(softmax_cases(log), 2e-6);
  for (const bool log : {false, true}) check_goldens(word_cases(log), 2e-6, "language");
  check_goldens(kMaskedCases, 2e-6, "language");
}

TEST_CASE("softmax backward: is the gradient") {
  for (const bool log : {false, true}) check_gradients(softmax_cases(log));
  for (const bool log : {false, true}) check_gradients(word_cases(log));
  check_gradients(kMaskedCases);
}

TEST_CASE("softmax: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const bool log : {false, true}) check_promises(softmax_cases(log));
  for (const bool log : {false, true}) check_promises(word_cases(log));
  check_promises(kMaskedCases);
}

TEST_CASE("softmax: large scores do not overflow and an impossible class has probability zero") {
  const float infinity = std::numeric_limits<float>::infinity();
  const LayerResult p = run_on(false, {1000, 1000, -1000, -infinity});
  CHECK(p.y.values()[0] == 0.5f);
  CHECK(p.y.values()[2] == 0);
  CHECK(p.y.values()[3] == 0);
  const LayerResult log_p = run_on(true, {1000, 1000, -1000, -infinity});
  CHECK(std::abs(log_p.y.values()[0] + std::log(2.0f)) <= 1e-6f);
  CHECK(std::abs(log_p.y.values()[2] + 2000) <= 1);
  CHECK(log_p.y.values()[3] == -infinity);
}

TEST_CASE("softmax: a NaN score spoils its whole distribution") {
  for (const bool log : {false, true}) {
    for (const std::vector<float>& x : {std::vector{1.f, NAN, 2.f}, std::vector{NAN, 1.f, 2.f}}) {
      const LayerResult result = run_on(log, x);
      for (const float y : result.y.values()) CHECK(std::isnan(y));
    }
  }
}

TEST_CASE("softmax: masked, padding counts for nothing and a row of nothing else is zero" *
          doctest::test_suite("device")) {
  const LayerCase c{
      .name = "masked_softmax.values", .make = masked_softmax, .x = {{2, 3}, {2, 3}}, .tokens = 1};
  LayerInputs in = inputs_of(c);
  in.x[0] = Tensor::from({2, 3}, std::vector<float>{1, NAN, 1, 1, 2, 3});
  std::ranges::copy(std::vector<std::int32_t>{4, 0, -1, 0, 0, 0}, in.x[1].data<std::int32_t>());
  const LayerResult result = run_layer(c, in);
  CHECK(std::ranges::equal(result.y.values(), std::vector<float>{0.5f, 0, 0.5f, 0, 0, 0}));
  CHECK(result.dx[0].values()[1] == 0);
  CHECK(result.dx[0].values()[5] == 0);
}

TEST_CASE("softmax: errors name both sides") {
  const Shape x{4};
  CHECK_THROWS_WITH_AS(softmax()->output_shape({&x, 1}), "[softmax] x is 4, expected N×K, N×C×H×W or N×T×K",
                       Error);
  CHECK_THROWS_WITH_AS(log_softmax()->output_shape({&x, 1}),
                       "[log_softmax] x is 4, expected N×K, N×C×H×W or N×T×K", Error);
  const TensorType types[] = {{DType::f32, {2, 5, 1}}, {DType::i32, {2, 4}}, {DType::f32, {2, 5}}};
  CHECK_THROWS_WITH_AS(masked_softmax()->infer({types, 2}, DType::f32),
                       "[masked_softmax] x[0] is 2×5×1, x[1] is 2×4, expected N×T×… and N×T", Error);
  const TensorType floats[] = {types[0], types[2]};
  CHECK_THROWS_WITH_AS(masked_softmax()->infer(floats, DType::f32),
                       "[masked_softmax] x[1] is float32, expected int32", Error);
}
