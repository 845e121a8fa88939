#include <doctest/doctest.h>

#include <limits>

#include "kernels/l2_normalize/l2_normalize_layer.hpp"
#include "kernels/l2_normalize/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::unique_ptr<Layer> usual() { return l2_normalize(); }

// tests/golden/make_language.py has the same table, but for the large one. Of "short" most vectors are shorter than
// eps.
const LayerCase kNormalizeCases[] = {
    {.name = "l2_normalize.rows", .make = usual, .x = {{3, 13}}},
    {.name = "l2_normalize.words", .make = usual, .x = {{2, 3, 5}}},
    {.name = "l2_normalize.several_ranges", .make = usual, .x = {{3, 5, 4099}}},
};
const LayerCase kShort = {
    .name = "l2_normalize.short", .make = [] { return l2_normalize(3, 2); }, .x = {{4, 3}}};
const LayerCase kDetached = {
    .name = "l2_normalize.detached", .make = [] { return l2_normalize(1, 1e-12, true); }, .x = {{3, 13}}};

}  // namespace

TEST_CASE("l2_normalize: agrees with the naive loops" * doctest::test_suite("device")) {
  const auto naive = [](double scale, double eps, bool detached) {
    return
        [=](const LayerCase&, const LayerInputs& in) { return naive_l2_normalize(scale, eps, detached, in); };
  };
  check_reference(kNormalizeCases, naive(1, 1e-12, false), 1e-6);
  check_reference({&kShort, 1}, naive(3, 2, false), 1e-6);
  check_reference({&kDetached, 1}, naive(1, 1e-12, true), 1e-6);
}

TEST_CASE("l2_normalize: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kNormalizeCases).first(2), 1e-6, "language");
  check_goldens({&kShort, 1}, 1e-6, "language");
  check_goldens({&kDetached, 1}, 1e-6, "language");
}

TEST_CASE("l2_normalize backward: is the gradient") {
  check_gradients(std::span(kNormalizeCases).first(2));
  check_gradients({&kShort, 1});
}

TEST_CASE("l2_normalize: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kNormalizeCases);
}

TEST_CASE("l2_normalize: a vector of zeros stays one, and its gradient is finite" *
          doctest::test_suite("device")) {
  const LayerCase c{.name = "l2_normalize.zeros", .make = usual, .x = {{1, 3}}};
  LayerInputs in = inputs_of(c);
  in.x[0].fill(0);
  const LayerResult result = run_layer(c, in);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(result.y.values()[i] == 0);
    CHECK(result.dx[0].values()[i] == doctest::Approx(in.dy.values()[i] * 1e12f));
  }
}

TEST_CASE("l2_normalize: errors name what was found") {
  const Shape x{4};
  CHECK_THROWS_WITH_AS(l2_normalize()->output_shape({&x, 1}), "[l2_normalize] x is 4, expected N×…×D", Error);
  CHECK_THROWS_WITH_AS(l2_normalize(0), "[l2_normalize] scale is 0, eps is 1e-12, expected positive numbers",
                       Error);
  CHECK_THROWS_AS(l2_normalize(1, 0), Error);
  CHECK_THROWS_AS(l2_normalize(std::numeric_limits<double>::infinity()), Error);
}
