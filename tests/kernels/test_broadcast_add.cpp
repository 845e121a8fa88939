#include <doctest/doctest.h>

#include "kernels/broadcast_add/broadcast_add_layer.hpp"
#include "kernels/broadcast_add/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_language.py has the first four.
const LayerCase kBroadcastAddCases[] = {
    {.name = "broadcast_add.positions", .make = broadcast_add, .x = {{3, 7, 5}, {3, 1, 5}}},
    {.name = "broadcast_add.last", .make = broadcast_add, .x = {{2, 13, 3}, {2, 13, 1}}},
    {.name = "broadcast_add.equal", .make = broadcast_add, .x = {{3, 2, 5}, {3, 2, 5}}},
    {.name = "broadcast_add.channels", .make = broadcast_add, .x = {{2, 5, 3, 7}, {2, 1, 3, 7}}},
    {.name = "broadcast_add.several_ranges", .make = broadcast_add, .x = {{2, 151, 257}, {2, 1, 257}}},
};

}  // namespace

TEST_CASE("broadcast_add: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kBroadcastAddCases, [](const LayerCase&, const LayerInputs& in) { return naive_broadcast_add(in); },
      1e-6);
}

TEST_CASE("broadcast_add: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kBroadcastAddCases).first(4), 1e-6, "language");
}

TEST_CASE("broadcast_add backward: is the gradient of both terms") {
  check_gradients(std::span(kBroadcastAddCases).first(4));
}

TEST_CASE("broadcast_add: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kBroadcastAddCases);
}

TEST_CASE("broadcast_add: errors name both sides") {
  const Shape x[] = {{2, 3, 5}, {2, 1, 1}, {2, 3}};
  CHECK_THROWS_WITH_AS(
      broadcast_add()->output_shape({x, 2}),
      "[broadcast_add] x[0] is 2×3×5, x[1] is 2×1×1, expected equal extents, or 1 in one dimension of x[1]",
      Error);
  const Shape ranks[] = {x[0], x[2]}, first[] = {x[1], x[0]};
  CHECK_THROWS_AS(broadcast_add()->output_shape(ranks), Error);
  CHECK_THROWS_AS(broadcast_add()->output_shape(first), Error);
}
