#include <doctest/doctest.h>

#include <string>
#include <vector>

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
      [](const LayerCase& c, const LayerInputs& in, Layer&) {
        LayerResult result;
        result.y = Tensor::zeros(in.dy.shape(), DType::f64);
        result.dx.push_back(Tensor::zeros(c.x[0], DType::f64));
        const Shape &xs = c.x[0], &ys = in.dy.shape();
        const std::int64_t stride = (xs[3] + ys[3] - 1) / ys[3], front = (ys[1] - xs[1]) / 2;
        for (std::int64_t n = 0; n < xs[0]; ++n)
          for (std::int64_t ch = 0; ch < xs[1]; ++ch)
            for (std::int64_t i = 0; i < xs[2]; i += stride)
              for (std::int64_t j = 0; j < xs[3]; j += stride) {
                const std::int64_t x_at = ((n * xs[1] + ch) * xs[2] + i) * xs[3] + j;
                const std::int64_t y_at =
                    ((n * ys[1] + ch + front) * ys[2] + i / stride) * ys[3] + j / stride;
                result.y.data<double>()[y_at] = in.x[0].data<double>()[x_at];
                result.dx[0].data<double>()[x_at] = in.dy.data<double>()[y_at];
              }
        return result;
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
