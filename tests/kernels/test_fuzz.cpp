// Random convolutions and poolings against the naive loops: shapes that nobody thought of, the same in every
// run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/conv2d/naive.hpp"
#include "kernels/conv2d_cases.hpp"
#include "kernels/pool/naive.hpp"
#include "kernels/pool/pool_layer.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Of the sum of a result's terms without their signs, which rounding follows; a few units in the last place.
constexpr double kFuzzTolerance = 2e-6;

/// Numbers of one problem, one after the other.
class Dice {
 public:
  Dice(std::string_view what, int problem) : seed_(seed_of(text(what, problem))) {}
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_bits(seed_, next_++) %
                                             static_cast<std::uint64_t>(most - least + 1));
  }
  bool chance(std::int64_t one_in) { return between(1, one_in) == 1; }
  Extent2d extent(std::int64_t least, std::int64_t most) {
    const std::int64_t both = between(least, most);
    return chance(2) ? Extent2d(both) : Extent2d(both, between(least, most));
  }
  /// Mostly small, sometimes far beyond the kernel.
  Extent2d stride() { return chance(4) ? extent(4, 32) : extent(1, 3); }

 private:
  std::uint64_t seed_, next_ = 0;
};

/// An extent that gives one to four outputs, or a few pixels more.
std::int64_t extent_for(Dice& dice, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                        std::int64_t padding) {
  const std::int64_t span = (kernel - 1) * dilation + 1;
  return std::max<std::int64_t>(1, span + dice.between(0, 3) * stride - padding) + dice.between(0, 2);
}

Conv2dCase random_convolution(Dice& dice, bool depthwise) {
  Conv2dOptions o{.kernel = dice.extent(1, 5), .stride = dice.stride(), .dilation = dice.extent(1, 3)};
  if (dice.chance(2)) o.dilation = 1;
  o.same = dice.chance(4);
  if (!o.same) o.padding = {dice.between(0, 4), dice.between(0, 4), dice.between(0, 4), dice.between(0, 4)};
  o.groups = depthwise ? dice.between(1, 5) : dice.between(1, 3);
  o.bias = dice.chance(2);
  const std::int64_t in = o.groups * (depthwise ? 1 : dice.between(1, 4));
  const std::int64_t out = o.groups * (depthwise ? 1 : dice.between(1, 5));
  const std::int64_t h =
      extent_for(dice, o.kernel.h, o.stride.h, o.dilation.h, o.padding.top + o.padding.bottom);
  const std::int64_t w =
      extent_for(dice, o.kernel.w, o.stride.w, o.dilation.w, o.padding.left + o.padding.right);
  return {"", {dice.between(1, 2), in, h, w}, out, o};
}

Tensor magnitudes(const Tensor& values) {
  Tensor result = values.clone();
  dispatch_dtype(result.dtype(), [&]<class T>() {
    std::transform(result.data<T>(), result.data<T>() + result.numel(), result.data<T>(),
                   [](T value) { return std::abs(value); });
  });
  return result;
}

void check_convolution(const std::string& name, const Conv2dCase& c, int threads) {
  const LayerCase layer_case{
      .name = name, .make = [&] { return conv2d(c.x[1], c.out, c.options); }, .x = {c.x}};
  const Shape y = layer_case.make()->output_shape({&c.x, 1});
  const Conv2dParams p = params_of(c, y);
  CAPTURE(text(c.x, " to ", y, ", kernel ", c.options.kernel, ", stride ", c.options.stride, ", dilation ",
               c.options.dilation, ", padding ", c.options.padding, c.options.same ? " SAME" : "",
               ", groups ", c.options.groups));
  const LayerInputs in = inputs_of(layer_case);
  const LayerResult found = run_layer(layer_case, in, threads);
  const Tensor& w = in.w[0];
  const Tensor b = c.options.bias ? in.w[1].clone() : Tensor::zeros({c.out});
  const NaiveResult expected = naive_conv2d(p, in.x[0], w, b, in.dy);
  const NaiveResult size =
      naive_conv2d(p, magnitudes(in.x[0]), magnitudes(w), magnitudes(b), magnitudes(in.dy));
  CHECK(elementwise_error(found.y, expected.y, size.y) <= kFuzzTolerance);
  CHECK(elementwise_error(found.dx[0], expected.dx, size.dx) <= kFuzzTolerance);
  CHECK(elementwise_error(found.dw[0], expected.dw, size.dw) <= kFuzzTolerance);
  if (c.options.bias) CHECK(elementwise_error(found.dw[1], expected.db, size.db) <= kFuzzTolerance);
}

void check_pooling(const std::string& name, Dice& dice, int threads) {
  const bool max = dice.chance(2);
  Pool2dOptions o{.kernel = dice.extent(1, 5), .stride = dice.stride()};
  o.padding = {dice.between(0, o.kernel.h / 2), dice.between(0, o.kernel.w / 2)};
  if (max && dice.chance(2)) o.dilation = dice.extent(1, 3);
  o.ceil_mode = dice.chance(2);
  o.count_include_pad = dice.chance(2);
  const std::int64_t h = extent_for(dice, o.kernel.h, o.stride.h, o.dilation.h, 2 * o.padding.h);
  const std::int64_t w = extent_for(dice, o.kernel.w, o.stride.w, o.dilation.w, 2 * o.padding.w);
  const LayerCase c{.name = name,
                    .make = [&] { return max ? max_pool2d(o) : avg_pool2d(o); },
                    .x = {{dice.between(1, 2), dice.between(1, 4), h, w}},
                    .step = dice.chance(2) ? 0.5 : 0.0};
  CAPTURE(text(max ? "max of " : "mean of ", c.x[0], ", kernel ", o.kernel, ", stride ", o.stride,
               ", dilation ", o.dilation, ", padding ", o.padding, o.ceil_mode ? ", ceil" : ""));
  const LayerInputs in = inputs_of(c);
  const LayerResult found = run_layer(c, in, threads);
  const auto naive = [&](const LayerInputs& of) {
    return max ? naive_max_pool2d(o, of) : naive_avg_pool2d(o, of);
  };
  LayerInputs in64, positive;
  in64.x.push_back(in.x[0].to(DType::f64));
  in64.dy = in.dy.to(DType::f64);
  positive.x.push_back(max ? in64.x[0].clone() : magnitudes(in64.x[0]));  // signs decide where a maximum lies
  positive.dy = magnitudes(in64.dy);
  const LayerResult expected = naive(in64);
  const LayerResult size = naive(positive);
  CHECK(elementwise_error(found.y, expected.y, magnitudes(size.y)) <= kFuzzTolerance);
  CHECK(elementwise_error(found.dx[0], expected.dx[0], size.dx[0]) <= kFuzzTolerance);
}

}  // namespace

TEST_CASE("fuzz: random convolutions agree with the naive loops in every element" *
          doctest::test_suite("device")) {
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    Dice dice("fuzz.conv2d", i);
    check_convolution(text("fuzz.conv2d", i), random_convolution(dice, false), 1 + i % 3);
  }
}

TEST_CASE("fuzz: random depthwise convolutions agree with the naive loops in every element" *
          doctest::test_suite("device")) {
  for (int i = 0; i < 80; ++i) {
    CAPTURE(i);
    Dice dice("fuzz.depthwise", i);
    check_convolution(text("fuzz.depthwise", i), random_convolution(dice, true), 1 + i % 3);
  }
}

TEST_CASE("fuzz: random poolings agree with the naive loops in every element" *
          doctest::test_suite("device")) {
  for (int i = 0; i < 80; ++i) {
    CAPTURE(i);
    Dice dice("fuzz.pool", i);
    check_pooling(text("fuzz.pool", i), dice, 1 + i % 3);
  }
}
