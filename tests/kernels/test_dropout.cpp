#include <doctest/doctest.h>

#include <cmath>

#include "engine/run/run.hpp"
#include "kernels/dropout/dropout_layer.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const LayerCase kDropoutCases[] = {
    {.name = "dropout.inference", .make = [] { return dropout(); }, .x = {{3, 2, 5, 7}}},
    {.name = "dropout.training", .make = [] { return dropout(0.3); }, .x = {{3, 2, 5, 7}}, .training = true},
    {.name = "dropout.none", .make = [] { return dropout(0); }, .x = {{1, 127}}, .training = true},
    {.name = "dropout.all", .make = [] { return dropout(1); }, .x = {{1, 13}}, .training = true},
    {.name = "dropout.wide", .make = [] { return dropout(); }, .x = {{1, 1, 401, 173}}, .training = true},
};

Tensor train(const Tensor& x, std::uint64_t seed) {
  const Network network = single(dropout(0.3), x.shape()[1]);
  Context context({}, 2);
  return Run(network, context, x.clone(), {.training = true}, seed).output().clone();
}

}  // namespace

TEST_CASE("dropout: outside training y is x and dx is dy" * doctest::test_suite("device")) {
  const LayerInputs in = inputs_of(kDropoutCases[0]);
  const LayerResult result = run_layer(kDropoutCases[0], in);
  CHECK(same_bits(result.y, in.x[0]));
  CHECK(same_bits(result.dx[0], in.dy));
}

TEST_CASE("dropout: in training an element is dropped or scaled and its gradient with it" *
          doctest::test_suite("device")) {
  const LayerInputs in = inputs_of(kDropoutCases[1]);
  const LayerResult result = run_layer(kDropoutCases[1], in);
  const float scale = static_cast<float>(1 / 0.7);
  for (std::int64_t i = 0; i < result.y.numel(); ++i) {
    const auto e = static_cast<std::size_t>(i);
    const bool kept = result.y.values()[e] != 0;
    CHECK(result.y.values()[e] == (kept ? scale * in.x[0].values()[e] : 0));
    CHECK(result.dx[0].values()[e] == (kept ? scale * in.dy.values()[e] : 0));
  }
}

TEST_CASE("dropout: drops the share asked for") {
  Tensor x({1, 1, 1000, 100});
  x.fill(1);
  const Tensor y = train(x, 3);
  double dropped = 0, sum = 0;
  for (const float v : y.values()) {
    dropped += v == 0;
    sum += v;
  }
  // Four standard deviations of a share of 10^5 draws.
  CHECK(std::abs(dropped / 1e5 - 0.3) <= 0.006);
  CHECK(std::abs(sum / 1e5 - 1) <= 0.01);
}

TEST_CASE("dropout: the mask is a function of the seed") {
  const Tensor x = random_tensor({2, 3, 5, 7}, "dropout.x");
  CHECK(same_bits(train(x, 3), train(x, 3)));
  CHECK_FALSE(same_bits(train(x, 3), train(x, 4)));
}

TEST_CASE("dropout: the extremes drop nothing and everything" * doctest::test_suite("device")) {
  const LayerInputs some = inputs_of(kDropoutCases[2]);
  CHECK(same_bits(run_layer(kDropoutCases[2], some).y, some.x[0]));
  const LayerResult all = run_layer(kDropoutCases[3], inputs_of(kDropoutCases[3]));
  for (const float v : all.y.values()) CHECK(v == 0);
}

TEST_CASE("dropout backward: is the gradient") { check_gradients(std::span(kDropoutCases).first(4)); }

TEST_CASE("dropout: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kDropoutCases);
}

TEST_CASE("dropout: refuses a probability outside 0 to 1") {
  CHECK_THROWS_WITH_AS(dropout(1.5), "[dropout] p is 1.5, expected 0 to 1", Error);
  CHECK_THROWS_AS(dropout(-0.1), Error);
  CHECK_THROWS_AS(dropout(NAN), Error);
}
