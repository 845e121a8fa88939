#include <doctest/doctest.h>

#include <limits>

#include "engine/run/run.hpp"
#include "kernels/relu/naive.hpp"
#include "kernels/relu/relu_layer.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/layer_case.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// dx for one y and one dy, through the whole machinery.
float backward_of(std::unique_ptr<Layer> layer, float x, float dy, BackwardRule rule) {
  const Network network = single(std::move(layer), 1);
  Context context({}, 1);
  Run pass(network, context, Tensor::from({1, 1, 1, 1}, std::vector{x}), {.gradients_at = {0}});
  const auto gradients =
      pass.backward({1, Tensor::from({1, 1, 1, 1}, std::vector{dy})}, {.rule = rule, .wrt = {0}});
  return gradients.nodes.at(0).values()[0];
}

// tests/golden/make_layers.py has the first two.
const LayerCase kReluCases[] = {
    {.name = "relu.maps", .make = relu, .x = {{3, 2, 5, 7}}},
    {.name = "relu6.maps", .make = relu6, .x = {{3, 2, 5, 7}}, .low = -3, .high = 9},
    {.name = "relu.one", .make = relu, .x = {{1, 1}}},
    {.name = "relu6.several_ranges", .make = relu6, .x = {{3, 1, 151, 127}}, .low = -3, .high = 9},
};

}  // namespace

TEST_CASE("relu forward: clamps below at zero and lets NaN pass") {
  const Network network = single(relu(), 1);
  Context context({}, 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Run pass(network, context, Tensor::from({1, 1, 1, 4}, std::vector{-2.f, 0.f, 7.f, nan}));
  const auto y = pass.output().values();
  CHECK(y[0] == 0);
  CHECK(y[1] == 0);
  CHECK(y[2] == 7);
  CHECK(y[3] != y[3]);
}

TEST_CASE("relu6 forward: clamps above at six") {
  const Network network = single(relu6(), 1);
  Context context({}, 1);
  Run pass(network, context, Tensor::from({1, 1, 1, 3}, std::vector{-2.f, 5.f, 7.f}));
  const auto y = pass.output().values();
  CHECK(y[0] == 0);
  CHECK(y[1] == 5);
  CHECK(y[2] == 6);
}

TEST_CASE("relu backward: the truth table of the three rules") {
  struct Row {
    float x, dy, standard, deconvnet, guided;
  };
  // x > 0 passes standard, dy > 0 passes deconvnet, both pass guided; zero counts as not positive.
  const Row rows[] = {{2, 3, 3, 3, 3},   {2, -3, -3, 0, 0}, {-2, 3, 0, 3, 0},
                      {-2, -3, 0, 0, 0}, {0, 3, 0, 3, 0},   {2, 0, 0, 0, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.x);
    CAPTURE(row.dy);
    CHECK(backward_of(relu(), row.x, row.dy, BackwardRule::standard) == row.standard);
    CHECK(backward_of(relu(), row.x, row.dy, BackwardRule::deconvnet) == row.deconvnet);
    CHECK(backward_of(relu(), row.x, row.dy, BackwardRule::guided) == row.guided);
  }
}

TEST_CASE("rules: deconvnet and guided are defined at ReLU and ReLU6 alone") {
#define BACKLIGHT_ROW(name) OpKind::name,
  for (const OpKind kind : {BACKLIGHT_OP_KINDS(BACKLIGHT_ROW) OpKind::custom}) {
#undef BACKLIGHT_ROW
    CAPTURE(kind);
    const bool rectifies = kind == OpKind::relu || kind == OpKind::relu6;
    CHECK(is_defined_at(BackwardRule::standard, kind));
    for (const BackwardRule rule : {BackwardRule::deconvnet, BackwardRule::guided}) {
      CHECK(is_defined_at(rule, kind) == rectifies);
      CHECK(rule_at(kind, rule) == (rectifies ? rule : BackwardRule::standard));
    }
  }
}

TEST_CASE("relu6 backward: the mask is zero at and beyond six except for deconvnet") {
  for (const float x : {6.f, 9.f}) {
    CHECK(backward_of(relu6(), x, 3, BackwardRule::standard) == 0);
    CHECK(backward_of(relu6(), x, 3, BackwardRule::deconvnet) == 3);
    CHECK(backward_of(relu6(), x, 3, BackwardRule::guided) == 0);
  }
  CHECK(backward_of(relu6(), 5, 3, BackwardRule::guided) == 3);
  CHECK(backward_of(relu6(), 5, -3, BackwardRule::guided) == 0);
  CHECK(backward_of(relu6(), 5, -3, BackwardRule::standard) == -3);
}

TEST_CASE("relu backward: the standard rule is the gradient") {
  for (auto make : {&relu, &relu6}) {
    Network network = single(make(), 3);
    const auto result = gradcheck(network, off_kinks({2, 3, 5, 7}, "relu.x"));
    CAPTURE(result.where);
    CHECK(result.checked == 210);
    CHECK(result.worst <= 1e-8);
  }
}

TEST_CASE("relu: agrees with PyTorch" * doctest::test_suite("device")) {
  check_goldens(std::span(kReluCases).first(2), 0);
}

TEST_CASE("relu: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kReluCases);
}

TEST_CASE("relu backward: the rules agree with their equations on every element" *
          doctest::test_suite("device")) {
  for (const LayerCase& c : kReluCases) {
    CAPTURE(c.name);
    const double upper = c.name.starts_with("relu6") ? 6 : std::numeric_limits<double>::infinity();
    for (const BackwardRule rule : {BackwardRule::standard, BackwardRule::deconvnet, BackwardRule::guided}) {
      check_reference(
          {&c, 1},
          [=](const LayerCase&, const LayerInputs& in) { return naive_relu(upper, rule, in); }, 0,
          rule);
    }
  }
}
