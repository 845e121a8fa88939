#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/strided_identity_pad/naive.hpp"
#include "kernels/strided_identity_pad/strided_identity_pad_layer.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

LayerCase shortcut(std::string name, const Shape& x, std::int64_t channels, std::int64_t stride) {
  return {.name = "strided_identity_pad." + name,
          .make = [=] { return strided_identity_pad(channels, stride); },
          .x = {x}};
}

// tests/golden/make_layers.py has the same table.
const LayerCase kSubsamplePadCases[] = {
    shortcut("halving", {2, 4, 7, 6}, 8, 2),
    shortcut("channels", {1, 3, 1, 13}, 7, 1),
    shortcut("thirds", {3, 2, 5, 127}, 2, 3),
};

}  // namespace

TEST_CASE("strided_identity_pad: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kSubsamplePadCases,
      [](const LayerCase& c, const LayerInputs& in) {
        return naive_strided_identity_pad((c.x[0][3] + in.dy.shape()[3] - 1) / in.dy.shape()[3], in);
      },
      0);
}

TEST_CASE("strided_identity_pad: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(kSubsamplePadCases, 0);
}

TEST_CASE("strided_identity_pad backward: is the gradient") { check_gradients(kSubsamplePadCases); }

TEST_CASE("strided_identity_pad: batches and threads and buffers change nothing" *
          doctest::test_suite("device")) {
  check_promises(kSubsamplePadCases);
}

TEST_CASE("strided_identity_pad: errors name both sides") {
  const auto layer = strided_identity_pad(32, 2);
  const auto shape_of = [&](const Shape& x) { return layer->output_shape({&x, 1}); };
  CHECK(shape_of({1, 16, 32, 31}) == Shape{1, 32, 16, 16});
  CHECK_THROWS_WITH_AS(
      shape_of({1, 64, 8, 8}),
      "[strided_identity_pad] x is 1×64×8×8, expected at most C=32 and an even number of channels to add",
      Error);
  CHECK_THROWS_AS(shape_of({1, 15, 8, 8}), Error);
  CHECK_THROWS_AS(shape_of({1, 16}), Error);
  CHECK_THROWS_AS(strided_identity_pad(32, 0), Error);
}
