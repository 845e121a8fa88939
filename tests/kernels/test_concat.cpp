#include <doctest/doctest.h>

#include "kernels/concat/concat_layer.hpp"
#include "kernels/concat/naive.hpp"
#include "kernels/flatten/flatten_layer.hpp"
#include "kernels/softmax/softmax_layer.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_layers.py has the same table, but for the large one.
const LayerCase kConcatCases[] = {
    {.name = "concat.maps", .make = concat, .x = {{3, 1, 3, 5}, {3, 3, 3, 5}, {3, 2, 3, 5}}},
    {.name = "concat.rows", .make = concat, .x = {{2, 13}, {2, 1}}},
    {.name = "flatten.maps", .make = flatten, .x = {{3, 2, 5, 1}}},
    {.name = "concat.several_blocks", .make = concat, .x = {{2, 1, 1, 70000}, {2, 2, 1, 70000}}},
};

}  // namespace

TEST_CASE("concat: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kConcatCases, [](const LayerCase&, const LayerInputs& in) { return naive_concat(in); }, 0);
}

TEST_CASE("concat: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kConcatCases).first(3), 0);
}

TEST_CASE("concat backward: is the gradient of every input") {
  Network network(3);
  const NodeId branch = network.add("branch", softmax(), {0});
  network.add("concat", concat(), {0, branch, 0});
  network.add("flatten", flatten());
  const auto result = gradcheck(network, random_tensor({2, 3, 1, 5}, "concat.gradcheck"));
  CAPTURE(result.where);
  CHECK(result.checked == 30);
  CHECK(result.worst <= 1e-8);
}

TEST_CASE("concat: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kConcatCases);
}

TEST_CASE("concat: errors name both sides") {
  const Shape x[] = {{1, 64, 8, 8}, {1, 32, 8, 4}};
  CHECK_THROWS_WITH_AS(
      concat()->output_shape(x),
      "[concat] x[1] is 1×32×8×4, x[0] is 1×64×8×8, expected shapes that differ in the channels only", Error);
  CHECK_THROWS_AS(concat()->output_shape({}), Error);
  const Shape ranks[] = {{1, 64, 8, 8}, {1, 32}};
  CHECK_THROWS_AS(concat()->output_shape(ranks), Error);
}

TEST_CASE("flatten: keeps the images apart") {
  const Shape x{3, 2, 5, 7};
  CHECK(flatten()->output_shape({&x, 1}) == Shape{3, 70});
  const Shape rows{3, 70};
  CHECK(flatten()->output_shape({&rows, 1}) == rows);
}
