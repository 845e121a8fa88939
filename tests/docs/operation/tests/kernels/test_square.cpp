#include <doctest/doctest.h>

#include "kernels/layers.hpp"
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
      kSquareCases,
      [](const LayerCase&, const LayerInputs& in, Layer&) {
        LayerResult result;
        result.y = in.x[0].clone();
        result.dx.push_back(in.dy.clone());
        for (std::int64_t i = 0; i < in.dy.numel(); ++i) {
          const double x = in.x[0].data<double>()[i];
          result.y.data<double>()[i] = x * x;
          result.dx[0].data<double>()[i] *= 2 * x;
        }
        return result;
      },
      1e-7);
}

TEST_CASE("square backward: is the gradient") { check_gradients(kSquareCases); }

TEST_CASE("square: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kSquareCases);
}
