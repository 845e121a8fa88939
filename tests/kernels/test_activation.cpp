#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "engine/run/run.hpp"
#include "kernels/activation/naive.hpp"
#include "kernels/elementary.hpp"
#include "kernels/layers.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct ActivationCase {
  std::string name;
  std::function<std::unique_ptr<Layer>()> make;
};
constexpr double kActivationTolerance = 1e-6;
constexpr double kSlope = 0.1;  // of leaky_relu in tests/golden/make_layers.py
const ActivationCase kActivationCases[] = {
    {"sigmoid", sigmoid},
    {"tanh", [] { return tanh(); }},
    {"silu", silu},
    {"hard_sigmoid", hard_sigmoid},
    {"hard_swish", hard_swish},
    {"leaky_relu", [] { return leaky_relu(kSlope); }},
    {"gelu", [] { return gelu(); }},
    {"gelu_tanh", [] { return gelu(/*approximate=*/true); }},
};

/// tests/golden/make_layers.py has the first two of each; the last is more than a thread takes at a time.
std::vector<LayerCase> layer_cases(const ActivationCase& c) {
  return {
      {.name = c.name + ".maps", .make = c.make, .x = {{3, 2, 5, 7}}, .low = -6, .high = 6},
      {.name = c.name + ".kinks", .make = c.make, .x = {{3, 13}}, .low = -4, .high = 5, .step = 1},
      {.name = c.name + ".one", .make = c.make, .x = {{1, 1}}},
      {.name = c.name + ".several_ranges", .make = c.make, .x = {{3, 1, 151, 127}}, .low = -9, .high = 9}};
}

LayerResult naive_of(const ActivationCase& c, const LayerInputs& in) {
  return naive_activation(c.make()->kind(), kSlope, c.name == "gelu_tanh", in);
}

/// y and, for dy = 1, dx of one x, in float32 through the whole machinery.
std::pair<float, float> at(const ActivationCase& c, float x) {
  const Network network = single(c.make(), 1);
  Context context({}, 1);
  Run run(network, context, Tensor::from({1, 1, 1, 1}, std::vector{x}), {.gradients_at = {0}});
  const Gradients gradients = run.backward({1, Tensor::from({1, 1, 1, 1}, std::vector{1.0f})}, {.wrt = {0}});
  return {run.output().values()[0], gradients.nodes.at(0).values()[0]};
}

}  // namespace

TEST_CASE("activations: agree with the naive loops under every rule, which but for ReLU's is the gradient" *
          doctest::test_suite("device")) {
  for (const ActivationCase& c : kActivationCases)
    for (const BackwardRule rule : {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided}) {
      CHECK(is_defined_at(rule, c.make()->kind()) == (rule == BackwardRule::standard));
      check_reference(
          layer_cases(c), [&](const LayerCase&, const LayerInputs& in) { return naive_of(c, in); },
          kActivationTolerance, rule);
    }
}

TEST_CASE("activations: agree with PyTorch between their kinks and at them" * doctest::test_suite("device")) {
  for (const ActivationCase& c : kActivationCases) {
    const std::vector<LayerCase> cases = layer_cases(c);
    check_goldens(std::span(cases).first(2), kActivationTolerance);
  }
}

TEST_CASE("activations: backward is the gradient") {
  for (const ActivationCase& c : kActivationCases) {
    const std::vector<LayerCase> cases = layer_cases(c);
    check_gradients(std::span(cases).first(1));
  }
}

TEST_CASE("activations: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  for (const ActivationCase& c : kActivationCases) check_promises(layer_cases(c));
}

TEST_CASE("activations: NaN stays NaN and what lies far out has its limit") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const ActivationCase& c : kActivationCases) {
    CAPTURE(c.name);
    CHECK(at(c, kNan).first != at(c, kNan).first);
    const bool bounded = c.name == "sigmoid" || c.name == "tanh" || c.name == "hard_sigmoid";
    CHECK(at(c, 1e4f) == std::pair(bounded ? 1.0f : 1e4f, bounded ? 0.0f : 1.0f));
    const float below = c.name == "tanh" ? -1.0f : c.name == "leaky_relu" ? -1e3f : 0.0f;
    CHECK(at(c, -1e4f) == std::pair(below, c.name == "leaky_relu" ? 0.1f : 0.0f));
  }
}

TEST_CASE("activations: GELU keeps its small values where x is negative") {
  const float x = -5;
  LayerInputs in;
  in.dy = Tensor::zeros({1}, DType::f64);
  in.x.push_back(Tensor::from({1}, std::vector{x}).to(DType::f64));
  const double expected = naive_activation(OpKind::gelu, 0, false, in).y.data<double>()[0];
  CHECK(std::abs(static_cast<double>(at({"gelu", [] { return gelu(); }}, x).first) / expected - 1) <= 1e-6);
}

TEST_CASE("activations: each has its name and its options and keeps what its derivative is made of") {
  for (const ActivationCase& c : kActivationCases) {
    const auto layer = c.make();
    CAPTURE(c.name);
    CHECK(name_of(layer->kind()) == (c.name == "gelu_tanh" ? "gelu" : c.name));
    CHECK(is_activation(layer->kind()));
    const bool of_y = c.name == "sigmoid" || c.name == "tanh";
    CHECK(layer->needs(false).outputs == of_y);
    CHECK(layer->needs(false).inputs == !of_y);
    CHECK(layer->attributes().size() == (c.name == "leaky_relu" || c.name.starts_with("gelu") ? 1 : 0));
  }
  const Attribute slope = leaky_relu(kSlope)->attributes().at(0);
  CHECK(slope.name == "negative_slope");
  CHECK(std::get<double>(slope.value) == kSlope);
  CHECK(std::get<bool>(gelu(true)->attributes().at(0).value));
  CHECK_THROWS_WITH_AS(leaky_relu(std::numeric_limits<double>::infinity()),
                       "[leaky_relu] negative_slope is inf, expected a finite number", Error);
  const Shape two[] = {{1, 2}, {1, 2}};
  CHECK_THROWS_WITH_AS(silu()->output_shape(two), "[silu] has 2 inputs, expected 1", Error);
}

TEST_CASE(
    "elementary functions: within their last places of the library's in double, for floats of every size") {
  const auto places = [](float value, double exact) {
    const float nearest = std::abs(static_cast<float>(exact));
    const double place =
        static_cast<double>(std::nextafter(nearest, std::numeric_limits<float>::infinity())) - nearest;
    return std::abs(static_cast<double>(value) - exact) / place;
  };
  double worst_exponential = 0, worst_tangent = 0, worst_logistic = 0;
  for (std::uint32_t bits = 0; bits < 0xffff'0000U; bits += 4'099) {
    const auto x = std::bit_cast<float>(bits);
    if (!std::isfinite(x)) continue;
    const double exact = std::exp(static_cast<double>(x));
    if (exact < 0x1p128)
      worst_exponential = std::max(worst_exponential, places(exponential(x), exact));
    else
      CHECK(exponential(x) == std::numeric_limits<float>::infinity());
    worst_tangent = std::max(worst_tangent, places(hyperbolic_tangent(x), std::tanh(static_cast<double>(x))));
    if (x > -87)
      worst_logistic =
          std::max(worst_logistic, places(logistic(x), 1 / (1 + std::exp(-static_cast<double>(x)))));
  }
  CHECK(worst_exponential <= 1.1);
  CHECK(worst_tangent <= 1.4);
  CHECK(worst_logistic <= 2.6);

  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(exponential(kInfinity) == kInfinity);
  CHECK(exponential(-kInfinity) == 0);
  CHECK(hyperbolic_tangent(kInfinity) == 1);
  CHECK(hyperbolic_tangent(-kInfinity) == -1);
  CHECK(logistic(-kInfinity) == 0);
  CHECK(std::isnan(exponential(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(hyperbolic_tangent(std::numeric_limits<float>::quiet_NaN())));
}
