#include <doctest/doctest.h>

#include <cmath>

#include "kernels/maximum/maximum_layer.hpp"
#include "kernels/maximum/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_language.py has the first two.
const LayerCase kMaximumCases[] = {
    {.name = "maximum.maps", .make = maximum, .x = {{3, 2, 5, 7}, {3, 2, 5, 7}}},
    {.name = "maximum.ties", .make = maximum, .x = {{2, 3, 13}, {2, 3, 13}}, .step = 0.5},
    {.name = "maximum.several_ranges", .make = maximum, .x = {{3, 1, 151, 127}, {3, 1, 151, 127}}},
};

}  // namespace

TEST_CASE("maximum: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kMaximumCases, [](const LayerCase&, const LayerInputs& in) { return naive_maximum(in); }, 0);
}

TEST_CASE("maximum: agrees with PyTorch") { check_goldens(std::span(kMaximumCases).first(2), 0, "language"); }

TEST_CASE("maximum backward: is the gradient of both values") { check_gradients({kMaximumCases, 1}); }

TEST_CASE("maximum: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kMaximumCases);
}

TEST_CASE("maximum: the first of equals takes the gradient, and a NaN stays" *
          doctest::test_suite("device")) {
  const LayerCase c{.name = "maximum.values", .make = maximum, .x = {{1, 4}, {1, 4}}};
  LayerInputs in = inputs_of(c);
  in.x[0] = Tensor::from({1, 4}, std::vector<float>{2, 0, NAN, 1});
  in.x[1] = Tensor::from({1, 4}, std::vector<float>{2, -0.0f, 1, NAN});
  const LayerResult result = run_layer(c, in);
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    CHECK(result.dx[0].values()[i] == in.dy.values()[i]);
    CHECK(result.dx[1].values()[i] == 0);
  }
  CHECK(std::isnan(result.y.values()[2]));
  CHECK(std::isnan(result.y.values()[3]));
}

TEST_CASE("maximum: errors name both sides") {
  const Shape x[] = {{1, 5, 8}, {1, 5, 1}};
  CHECK_THROWS_WITH_AS(maximum()->output_shape(x),
                       "[maximum] x[0] is 1×5×8, x[1] is 1×5×1, expected equal shapes", Error);
  CHECK_THROWS_WITH_AS(maximum()->output_shape({x, 1}), "[maximum] has 1 inputs, expected 2", Error);
}
