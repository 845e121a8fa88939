#include <doctest/doctest.h>

#include "kernels/layers.hpp"
#include "kernels/square/naive.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const LayerCase kSquareCases[] = {
    {.name = "square.maps", .make = square, .x = {{3, 2, 5, 7}}},
    {.name = "square.one", .make = square, .x = {{1, 1}}},
};

}  // namespace

TEST_CASE("square: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kSquareCases, [](const LayerCase&, const LayerInputs& in) { return naive_square(in); }, 1e-7);
}

TEST_CASE("square: has its name") { CHECK(name_of(square()->kind()) == "square"); }

TEST_CASE("square backward: is the gradient") { check_gradients(kSquareCases); }

TEST_CASE("square: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kSquareCases);
}
