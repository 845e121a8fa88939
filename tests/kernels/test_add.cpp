#include <doctest/doctest.h>

#include "kernels/add/add_layer.hpp"
#include "kernels/add/naive.hpp"
#include "kernels/softmax/softmax_layer.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_layers.py has the first two.
const LayerCase kAddCases[] = {
    {.name = "add.residual", .make = add, .x = {{3, 2, 5, 7}, {3, 2, 5, 7}}},
    {.name = "add.row", .make = add, .x = {{1, 127}, {1, 127}}},
    {.name = "add.several_ranges", .make = add, .x = {{3, 1, 151, 127}, {3, 1, 151, 127}}},
};

}  // namespace

TEST_CASE("add: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kAddCases, [](const LayerCase&, const LayerInputs& in) { return naive_add(in); }, 1e-7);
}

TEST_CASE("add: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kAddCases).first(2), 1e-7);
}

TEST_CASE("add backward: is the gradient of both terms") {
  Network network(3);
  const NodeId branch = network.add("branch", softmax(), {0});
  network.add("sum", add(), {0, branch});
  const auto result = gradcheck(network, random_tensor({2, 3, 1, 5}, "add.gradcheck"));
  CAPTURE(result.where);
  CHECK(result.checked == 30);
  CHECK(result.worst <= 1e-8);
}

TEST_CASE("add: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kAddCases);
}

TEST_CASE("add: errors name both sides") {
  const Shape x[] = {{1, 64, 8, 8}, {1, 64, 4, 4}};
  CHECK_THROWS_WITH_AS(add()->output_shape(x),
                       "[add] x[0] is 1×64×8×8, x[1] is 1×64×4×4, expected equal shapes", Error);
  CHECK_THROWS_WITH_AS(add()->output_shape({x, 1}), "[add] has 1 inputs, expected 2", Error);
}
