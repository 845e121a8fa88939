#include <doctest/doctest.h>

#include "kernels/activation/activation_layer.hpp"
#include "kernels/multiply/multiply_layer.hpp"
#include "kernels/multiply/naive.hpp"
#include "kernels/pool/pool_layer.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

// tests/golden/make_layers.py has those without "several_ranges".
const LayerCase kMultiplyCases[] = {
    {.name = "multiply.equal", .make = multiply, .x = {{3, 2, 5, 7}, {3, 2, 5, 7}}},
    {.name = "multiply.channels", .make = multiply, .x = {{3, 2, 5, 7}, {3, 2, 1, 1}}},
    {.name = "multiply.channels_first", .make = multiply, .x = {{3, 2, 1, 1}, {3, 2, 5, 7}}},
    {.name = "multiply.positions", .make = multiply, .x = {{3, 2, 5, 7}, {3, 1, 5, 7}}},
    {.name = "multiply.images", .make = multiply, .x = {{3, 2, 5, 7}, {3, 1, 1, 1}}},
    {.name = "multiply.both", .make = multiply, .x = {{3, 1, 5, 1}, {3, 4, 1, 7}}},
    {.name = "multiply.lines", .make = multiply, .x = {{3, 2, 1, 7}, {3, 2, 5, 7}}},
    {.name = "multiply.alternating", .make = multiply, .x = {{2, 1, 5, 1}, {2, 3, 5, 7}}},
    {.name = "multiply.rows", .make = multiply, .x = {{3, 13}, {3, 1}}},
    {.name = "multiply.one", .make = multiply, .x = {{1, 1}, {1, 1}}},
    {.name = "multiply.equal_several_ranges", .make = multiply, .x = {{3, 1, 151, 127}, {3, 1, 151, 127}}},
    {.name = "multiply.channels_several_ranges", .make = multiply, .x = {{3, 13, 61, 59}, {3, 13, 1, 1}}},
    {.name = "multiply.positions_several_ranges", .make = multiply, .x = {{3, 13, 61, 59}, {3, 1, 61, 59}}},
};
// A factor that all images share, as a parameter would be.
const LayerCase kSharedFactor[] = {
    {.name = "multiply.weights", .make = multiply, .x = {{3, 2, 5, 7}, {1, 2, 1, 1}}},
};

}  // namespace

TEST_CASE("multiply: agrees with the naive loops however factors are repeated" *
          doctest::test_suite("device")) {
  const Reference naive = [](const LayerCase&, const LayerInputs& in) { return naive_multiply(in); };
  check_reference(kMultiplyCases, naive, 1e-6);
  check_reference(kSharedFactor, naive, 1e-6);
}

TEST_CASE("multiply: agrees with the naive loops for every pattern of repeated extents") {
  constexpr std::int64_t kExtents[] = {2, 3, 5, 2, 3};
  constexpr int kPatterns =
      3 * 3 * 3 * 3 * 3;  // of each extent: neither factor repeated, the first, the second
  for (int pattern = 0; pattern < kPatterns; ++pattern) {
    Shape a(kExtents), b(kExtents);
    for (int i = 0, rest = pattern; i < a.rank(); ++i, rest /= 3) {
      if (rest % 3 == 1) a = a.with(i, 1);
      if (rest % 3 == 2) b = b.with(i, 1);
    }
    const LayerCase c{.name = text("multiply.", a, " times ", b), .make = multiply, .x = {a, b}};
    check_reference(
        {&c, 1}, [](const LayerCase&, const LayerInputs& in) { return naive_multiply(in); }, 1e-6);
  }
}

TEST_CASE("multiply: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kMultiplyCases).first(9), 1e-6);
  check_goldens(kSharedFactor, 1e-6);
}

TEST_CASE("multiply backward: is the gradient of both factors") {
  for (const bool gate_first : {false, true}) {
    Network network(3);
    const NodeId pooled = network.add("pool", adaptive_avg_pool2d(1));
    const NodeId gate = network.add("gate", sigmoid(), {pooled});
    const NodeId squared = network.add("square", multiply(), {0, 0});
    network.add("scaled", multiply(), gate_first ? std::vector{gate, squared} : std::vector{squared, gate});
    const auto result = gradcheck(network, random_tensor({2, 3, 4, 5}, "multiply.gradcheck"));
    CAPTURE(result.where);
    CHECK(result.checked == 120);
    CHECK(result.worst <= 1e-8);
  }
}

TEST_CASE("multiply: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kMultiplyCases);
}

TEST_CASE("multiply: errors name both sides") {
  const Shape x[] = {{1, 64, 8, 8}, {1, 64, 4, 1}, {1, 64}};
  CHECK_THROWS_WITH_AS(multiply()->output_shape({x, 2}),
                       "[multiply] x[0] is 1×64×8×8, x[1] is 1×64×4×1, expected equal extents, or 1", Error);
  CHECK_THROWS_WITH_AS(multiply()->output_shape({x + 1, 2}),
                       "[multiply] x[0] is 1×64×4×1, x[1] is 1×64, expected equal extents, or 1", Error);
  CHECK_THROWS_WITH_AS(multiply()->output_shape({x, 1}), "[multiply] has 1 inputs, expected 2", Error);
}
