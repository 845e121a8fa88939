#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/pool/naive.hpp"
#include "kernels/pool/pool.hpp"
#include "kernels/pool/pool_layer.hpp"
#include "support/compare.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct PoolCase {
  const char* name;
  Shape x;
  Pool2dOptions options;
  double step = 0;
};

// tests/golden/make_layers.py has the same table.
const PoolCase kMaxCases[] = {
    {"max_pool2d.one", {1, 1, 1, 1}, {.kernel = 1}},
    {"max_pool2d.even", {3, 2, 13, 8}, {.kernel = 2}},
    {"max_pool2d.overlapping", {2, 3, 7, 10}, {.kernel = 3, .stride = 2, .padding = 1}},
    {"max_pool2d.ceil", {1, 2, 13, 12}, {.kernel = 3, .stride = 2, .ceil_mode = true}},
    {"max_pool2d.ceil_larger", {1, 2, 2, 5}, {.kernel = 3, .stride = 2, .ceil_mode = true}},
    {"max_pool2d.ceil_drops", {1, 2, 4, 7}, {.kernel = 2, .stride = 3, .padding = 1, .ceil_mode = true}},
    {"max_pool2d.oblong", {1, 2, 5, 127}, {.kernel = {3, 2}, .stride = {1, 3}, .padding = {1, 0}}},
    {"max_pool2d.dilated", {2, 1, 9, 11}, {.kernel = 3, .stride = 1, .padding = 1, .dilation = 2}},
    {"max_pool2d.ties", {3, 2, 6, 5}, {.kernel = 3, .stride = 1, .padding = 1}, 0.5},
};

const PoolCase kAvgCases[] = {
    {"avg_pool2d.one", {1, 1, 1, 1}, {.kernel = 1}},
    {"avg_pool2d.even", {3, 2, 13, 8}, {.kernel = 2}},
    {"avg_pool2d.padded", {2, 3, 7, 10}, {.kernel = 3, .stride = 2, .padding = 1}},
    {"avg_pool2d.inside",
     {2, 3, 7, 10},
     {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}},
    {"avg_pool2d.ceil", {1, 2, 6, 8}, {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}},
    {"avg_pool2d.ceil_inside",
     {1, 2, 6, 8},
     {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false}},
    {"avg_pool2d.ceil_larger", {1, 2, 2, 5}, {.kernel = 3, .stride = 2, .ceil_mode = true}},
    {"avg_pool2d.ceil_drops", {1, 2, 4, 7}, {.kernel = 2, .stride = 3, .padding = 1, .ceil_mode = true}},
    {"avg_pool2d.oblong", {1, 2, 5, 127}, {.kernel = {3, 2}, .stride = {1, 3}, .padding = {1, 0}}},
};

struct AdaptiveCase {
  const char* name;
  Shape x;
  Extent2d output;
};

const AdaptiveCase kAdaptiveCases[] = {
    {"adaptive_avg_pool2d.global", {3, 2, 7, 7}, 1},
    {"adaptive_avg_pool2d.uneven", {2, 2, 13, 8}, {2, 3}},
    {"adaptive_avg_pool2d.enlarging", {1, 2, 5, 6}, 7},
    {"adaptive_avg_pool2d.wide", {1, 3, 6, 127}, {4, 13}},
};

std::vector<LayerCase> max_cases() {
  std::vector<LayerCase> cases;
  for (const PoolCase& c : kMaxCases)
    cases.push_back(
        {.name = c.name, .make = [c] { return max_pool2d(c.options); }, .x = {c.x}, .step = c.step});
  return cases;
}
std::vector<LayerCase> avg_cases() {
  std::vector<LayerCase> cases;
  for (const PoolCase& c : kAvgCases)
    cases.push_back({.name = c.name, .make = [c] { return avg_pool2d(c.options); }, .x = {c.x}});
  return cases;
}
std::vector<LayerCase> adaptive_cases() {
  std::vector<LayerCase> cases;
  for (const AdaptiveCase& c : kAdaptiveCases)
    cases.push_back({.name = c.name, .make = [c] { return adaptive_avg_pool2d(c.output); }, .x = {c.x}});
  return cases;
}

template <class Case, std::size_t size>
const Case& find(const Case (&cases)[size], const LayerCase& wanted) {
  for (const Case& c : cases)
    if (c.name == wanted.name) return c;
  throw Error(ErrorKind::internal, "no case ", wanted.name);
}

Shape shape_of(const Layer& layer, const Shape& x) { return layer.output_shape({&x, 1}); }

LayerResult run_on(const LayerCase& c, std::vector<float> x, std::vector<float> dy) {
  LayerInputs in;
  in.x.push_back(Tensor::from(c.x[0], x));
  in.dy = Tensor::from(shape_of(*c.make(), c.x[0]), dy);
  return run_layer(c, in);
}

}  // namespace

TEST_CASE("max_pool2d: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      max_cases(),
      [](const LayerCase& c, const LayerInputs& in) {
        return naive_max_pool2d(find(kMaxCases, c).options, in);
      },
      1e-6);
}

TEST_CASE("avg_pool2d: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      avg_cases(),
      [](const LayerCase& c, const LayerInputs& in) {
        return naive_avg_pool2d(find(kAvgCases, c).options, in);
      },
      1e-6);
}

TEST_CASE("adaptive_avg_pool2d: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      adaptive_cases(),
      [](const LayerCase& c, const LayerInputs& in) {
        return naive_adaptive_avg_pool2d(find(kAdaptiveCases, c).output, in);
      },
      1e-6);
}

TEST_CASE("pool: agrees with PyTorch" * doctest::test_suite("device")) {
  for (const auto& cases : {max_cases(), avg_cases(), adaptive_cases()}) check_goldens(cases, 1e-6);
}

TEST_CASE("pool: backward is the gradient") {
  for (const auto& cases : {max_cases(), avg_cases(), adaptive_cases()}) check_gradients(cases, true);
}

TEST_CASE("pool: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const auto& cases : {max_cases(), avg_cases(), adaptive_cases()}) check_promises(cases);
}

TEST_CASE("max_pool2d: a tie goes to the first maximum of the window") {
  const LayerCase c{.name = "tie", .make = [] { return max_pool2d({.kernel = 2}); }, .x = {{1, 1, 2, 2}}};
  const LayerResult result = run_on(c, {1, 3, 3, 3}, {5});
  CHECK(result.y.values()[0] == 3);
  CHECK(std::ranges::equal(result.dx[0].values(), std::vector<float>{0, 5, 0, 0}));
}

TEST_CASE("max_pool2d: NaN wins its window and takes the gradient") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const LayerCase c{.name = "nan", .make = [] { return max_pool2d({.kernel = 2}); }, .x = {{1, 1, 2, 4}}};
  const LayerResult result = run_on(c, {1, nan, 7, 2, 9, 4, 3, 5}, {5, 6});
  CHECK(std::isnan(result.y.values()[0]));
  CHECK(result.y.values()[1] == 7);
  CHECK(std::ranges::equal(result.dx[0].values(), std::vector<float>{0, 5, 6, 0, 0, 0, 0, 0}));
}

TEST_CASE("max_pool2d: every instruction set halves a plane to the bits of the general loop") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                  kInfinity = std::numeric_limits<float>::infinity();
  Context context({}, 1);
  for (const std::int64_t kernel : {2, 3})
    for (const std::int64_t pad : {0, 1})
      for (const auto& [height, width] : {std::pair<std::int64_t, std::int64_t>{5, 4}, {9, 71}, {3, 2}}) {
        Pool2dParams p{.planes = 1, .in_height = height, .in_width = width};
        p.kernel_height = p.kernel_width = kernel;
        p.stride_height = p.stride_width = 2;
        p.pad_height = p.pad_width = pad;
        p.out_height = (height + 2 * pad - kernel + 1) / 2 + 1;  // with a last window that is cut
        p.out_width = (width + 2 * pad - kernel + 1) / 2 + 1;
        Tensor x = random_tensor({height, width}, "max_pool.sets");
        const float special[] = {kNan, -kInfinity, -0.0F, 0.0F, kInfinity, kNan};
        for (std::int64_t i = 0; i < 6; ++i) x.data<float>()[i * 7 % x.numel()] = special[i];
        Tensor expected({p.out_height, p.out_width}), argmax(expected.shape(), DType::i32);
        cpu::max_pool2d_forward(context, p, x.data<float>(), expected.data<float>(),
                                argmax.data<std::int32_t>());
        for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
          if (!cpu::available(isa)) continue;
          CAPTURE(static_cast<int>(isa));
          CAPTURE(kernel);
          CAPTURE(pad);
          CAPTURE(width);
          Tensor y(expected.shape());
          cpu::micro_kernels<float>(isa).max_pool[kernel - 2](
              {height, width, p.out_height, p.out_width, pad, pad}, x.data<float>(), y.data<float>());
          CHECK(same_bits(y, expected));
        }
      }
}

TEST_CASE("max_pool2d: padding never wins even against minus infinity") {
  const float infinity = std::numeric_limits<float>::infinity();
  const LayerCase c{.name = "infinite",
                    .make = [] { return max_pool2d({.kernel = 3, .stride = 2, .padding = 1}); },
                    .x = {{1, 1, 2, 2}}};
  const LayerResult result = run_on(c, {-infinity, -infinity, -infinity, -infinity}, {5});
  CHECK(result.y.values()[0] == -infinity);
  CHECK(std::ranges::equal(result.dx[0].values(), std::vector<float>{5, 0, 0, 0}));
}

TEST_CASE("max_pool2d: a window whose taps all miss the input is minus infinity without gradient") {
  const LayerCase c{
      .name = "missed",
      .make = [] { return max_pool2d({.kernel = 2, .stride = 1, .padding = 1, .dilation = 3}); },
      .x = {{1, 1, 2, 2}}};
  const LayerResult result = run_on(c, {1, 2, 3, 4}, {5});
  CHECK(result.y.values()[0] == -std::numeric_limits<float>::infinity());
  CHECK(std::ranges::equal(result.dx[0].values(), std::vector<float>{0, 0, 0, 0}));
}

TEST_CASE("pool: the output's size follows ceil_mode") {
  const auto size = [](const Pool2dOptions& options, std::int64_t h) {
    return shape_of(*max_pool2d(options), {1, 1, h, 100})[2];
  };
  CHECK(size({.kernel = 3, .stride = 2}, 112) == 55);
  CHECK(size({.kernel = 3, .stride = 2, .ceil_mode = true}, 112) == 56);
  CHECK(size({.kernel = 3, .stride = 2, .padding = 1}, 112) == 56);
  // A window larger than the whole input is one that reaches over its end.
  CHECK(size({.kernel = 3, .stride = 2, .ceil_mode = true}, 2) == 1);
  // A third window would start at 5, in the trailing padding.
  CHECK(size({.kernel = 2, .stride = 3, .padding = 1, .ceil_mode = true}, 4) == 2);
}

TEST_CASE("pool: errors name both sides") {
  const auto layer = max_pool2d({.kernel = 3, .stride = 2});
  CHECK_THROWS_WITH_AS(
      shape_of(*layer, {1, 64, 5, 2}),
      "[max_pool2d] x is 1×64×5×2, smaller than the window of 3×3 with padding 0×0 and dilation 1×1", Error);
  CHECK_THROWS_WITH_AS(shape_of(*layer, {1, 64}), "[max_pool2d] x is 1×64, expected N×C×H×W", Error);
  CHECK_THROWS_WITH_AS(max_pool2d({.kernel = 3, .padding = 2}),
                       "[max_pool2d] padding is 2×2, expected at most half of the kernel of 3×3", Error);
  CHECK_THROWS_WITH_AS(avg_pool2d({.kernel = 3, .dilation = 2}), "[avg_pool2d] dilation is 2×2, expected 1×1",
                       Error);
  CHECK_THROWS_WITH_AS(adaptive_avg_pool2d({0, 1}),
                       "[adaptive_avg_pool2d] output is 0×1, expected at least 1×1", Error);
  CHECK_THROWS_AS(max_pool2d({.kernel = 0}), Error);
  CHECK_THROWS_AS(max_pool2d({.kernel = 2, .stride = -1}), Error);
  CHECK_THROWS_AS(max_pool2d({.kernel = {2, std::int64_t{1} << 62}}), Error);
}
