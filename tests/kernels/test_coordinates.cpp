#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/coordinates/coordinates_layer.hpp"
#include "kernels/coordinates/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_language.py has the first two.
const LayerCase kCoordinateCases[] = {
    {.name = "coordinates.map", .make = coordinates, .x = {{3, 2, 5, 7}}},
    {.name = "coordinates.line", .make = coordinates, .x = {{2, 1, 1, 13}}},
    {.name = "coordinates.one", .make = coordinates, .x = {{1, 1, 1, 1}}},
};

}  // namespace

TEST_CASE("coordinates: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kCoordinateCases, [](const LayerCase&, const LayerInputs& in) { return naive_coordinates(in); }, 1e-7);
}

TEST_CASE("coordinates: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kCoordinateCases).first(2), 1e-7, "language");
}

TEST_CASE("coordinates backward: is the gradient") { check_gradients(kCoordinateCases); }

TEST_CASE("coordinates: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kCoordinateCases);
}

TEST_CASE("coordinates: the columns' come first and reach from -1 to 1" * doctest::test_suite("device")) {
  const LayerCase c{.name = "coordinates.values", .make = coordinates, .x = {{1, 1, 2, 3}}};
  const auto y = run_layer(c, inputs_of(c)).y.clone();
  CHECK(
      std::ranges::equal(y.values().subspan(6), std::vector<float>{-1, 0, 1, -1, 0, 1, -1, -1, -1, 1, 1, 1}));
}

TEST_CASE("coordinates: errors name what was found") {
  const Shape x{2, 5, 7};
  CHECK_THROWS_WITH_AS(coordinates()->output_shape({&x, 1}), "[coordinates] x is 2×5×7, expected N×C×H×W",
                       Error);
}
