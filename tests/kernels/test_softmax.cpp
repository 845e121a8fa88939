#include <doctest/doctest.h>

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
                   .make = log ? &log_softmax : &softmax,
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

LayerResult run_on(bool log, std::vector<float> x) {
  const LayerCase c{.name = "softmax.values",
                    .make = log ? &log_softmax : &softmax,
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
}

TEST_CASE("softmax: agrees with PyTorch" * doctest::test_suite("device")) {
  for (const bool log : {false, true}) check_goldens(softmax_cases(log), 2e-6);
}

TEST_CASE("softmax backward: is the gradient") {
  for (const bool log : {false, true}) check_gradients(softmax_cases(log));
}

TEST_CASE("softmax: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const bool log : {false, true}) check_promises(softmax_cases(log));
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

TEST_CASE("softmax: errors name both sides") {
  const Shape x{4};
  CHECK_THROWS_WITH_AS(softmax()->output_shape({&x, 1}), "[softmax] x is 4, expected N×K or N×C×H×W", Error);
  CHECK_THROWS_WITH_AS(log_softmax()->output_shape({&x, 1}), "[log_softmax] x is 4, expected N×K or N×C×H×W",
                       Error);
}
