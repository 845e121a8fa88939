#include <doctest/doctest.h>

#include "kernels/matmul/matmul_layer.hpp"
#include "kernels/matmul/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct MatmulCase {
  bool transpose_a, transpose_b;
  LayerCase layer;
};
MatmulCase matmul_case(const char* name, bool transpose_a, bool transpose_b, const Shape& a, const Shape& b) {
  return {
      transpose_a,
      transpose_b,
      {.name = text("matmul.", name), .make = [=] { return matmul(transpose_a, transpose_b); }, .x = {a, b}}};
}

// tests/golden/make_language.py has the first four.
const MatmulCase kMatmulCases[] = {
    matmul_case("plain", false, false, {3, 2, 5}, {3, 5, 7}),
    matmul_case("first", true, false, {3, 13, 1}, {3, 13, 7}),
    matmul_case("second", false, true, {2, 7, 33}, {2, 17, 33}),
    matmul_case("both", true, true, {2, 5, 3}, {2, 7, 5}),
    matmul_case("one", false, false, {1, 1, 1}, {1, 1, 1}),
    matmul_case("deep", true, false, {1, 1031, 9}, {1, 1031, 65}),
};

}  // namespace

TEST_CASE("matmul: agrees with the naive loops however factors lie" * doctest::test_suite("device")) {
  for (const auto& [transpose_a, transpose_b, c] : kMatmulCases)
    check_reference(
        {&c, 1},
        [&](const LayerCase&, const LayerInputs& in) { return naive_matmul(transpose_a, transpose_b, in); },
        2e-6);
}

TEST_CASE("matmul: agrees with PyTorch" * doctest::test_suite("device")) {
  for (const MatmulCase& c : std::span(kMatmulCases).first(4)) check_goldens({&c.layer, 1}, 2e-6, "language");
}

TEST_CASE("matmul backward: is the gradient of both factors") {
  for (const MatmulCase& c : std::span(kMatmulCases).first(5)) check_gradients({&c.layer, 1});
}

TEST_CASE("matmul: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const MatmulCase& c : kMatmulCases) check_promises({&c.layer, 1});
}

TEST_CASE("matmul: errors name both sides") {
  const Shape x[] = {{2, 3, 5}, {2, 3, 7}, {3, 5, 7}, {5, 7}};
  CHECK(matmul(true)->output_shape({x, 2}) == Shape{2, 5, 7});
  CHECK_THROWS_WITH_AS(matmul()->output_shape({x, 2}),
                       "[matmul] x[0] is 2×3×5, x[1] is 2×3×7: expected N×m×k and N×k×n", Error);
  CHECK_THROWS_WITH_AS(
      matmul(true, true)->output_shape({x, 2}),
      "[matmul] x[0] is 2×3×5, transposed, x[1] is 2×3×7, transposed: expected N×m×k and N×k×n", Error);
  const Shape other_batch[] = {x[0], x[2]};
  CHECK_THROWS_AS(matmul()->output_shape(other_batch), Error);
  CHECK_THROWS_WITH_AS(matmul()->output_shape({x + 2, 2}), "[matmul] x is 5×7, expected N×rows×columns",
                       Error);
}
