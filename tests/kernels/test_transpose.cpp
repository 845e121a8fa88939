#include <doctest/doctest.h>

#include "kernels/transpose/naive.hpp"
#include "kernels/transpose/transpose_layer.hpp"
#include "support/compare.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_language.py has the first four.
const LayerCase kTransposeCases[] = {
    {.name = "positions.map", .make = positions, .x = {{3, 5, 4, 7}}},
    {.name = "positions.wide", .make = positions, .x = {{1, 3, 1, 127}}},
    {.name = "positions.vector", .make = positions, .x = {{3, 13}}},
    {.name = "line_map.words", .make = line_map, .x = {{3, 7, 5}}},
    {.name = "positions.several_ranges", .make = positions, .x = {{2, 67, 23, 29}}},
};

}  // namespace

TEST_CASE("transpose: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kTransposeCases, [](const LayerCase&, const LayerInputs& in) { return naive_transpose(in); }, 0);
}

TEST_CASE("transpose: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kTransposeCases).first(4), 0, "language");
}

TEST_CASE("transpose backward: is the gradient") { check_gradients(std::span(kTransposeCases).first(4)); }

TEST_CASE("transpose: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kTransposeCases);
}

TEST_CASE("transpose: errors name what was found") {
  const Shape words{2, 7, 5}, map{2, 5, 4, 7};
  CHECK(positions()->output_shape({&map, 1}) == Shape{2, 28, 5});
  CHECK(line_map()->output_shape({&words, 1}) == Shape{2, 5, 1, 7});
  CHECK_THROWS_WITH_AS(positions()->output_shape({&words, 1}),
                       "[positions] x is 2×7×5, expected N×C×H×W or N×C", Error);
  CHECK_THROWS_WITH_AS(line_map()->output_shape({&map, 1}), "[line_map] x is 2×5×4×7, expected N×T×D", Error);
}
