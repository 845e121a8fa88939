#include <doctest/doctest.h>

#include <string>

#include "engine/run/run.hpp"
#include "kernels/batch_norm/batch_norm_layer.hpp"
#include "kernels/batch_norm/naive.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/flatten/flatten_layer.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

LayerCase batch_norm_case(std::string name, const Shape& x, bool training, double eps = 1e-5,
                          double momentum = 0.1) {
  return {.name = "batch_norm2d." + name,
          .make = [=] { return batch_norm2d(x[1], eps, momentum); },
          .x = {x},
          .low = -2,
          .high = 3,
          .training = training};
}

// tests/golden/make_layers.py has the same table.
const LayerCase kCases[] = {
    batch_norm_case("inference", {3, 5, 4, 7}, false),
    batch_norm_case("row", {1, 1, 1, 127}, false, 1e-3),
    batch_norm_case("training", {3, 5, 4, 7}, true),
    batch_norm_case("training_pixels", {13, 3, 1, 1}, true, 1e-5, 0.3),
};

LayerCase flat_case(std::string name, bool training) {
  return {.name = "batch_norm1d." + name,
          .make = [] { return batch_norm1d(5); },
          .x = {{7, 5}},
          .low = -2,
          .high = 3,
          .training = training};
}

const LayerCase kFlatCases[] = {flat_case("inference", false), flat_case("training", true)};

}  // namespace

TEST_CASE("batch_norm2d: agrees with the naive loops" * doctest::test_suite("device")) {
  check_reference(
      kCases,
      [](const LayerCase& c, const LayerInputs& in) {
        return naive_batch_norm2d(c.name == "batch_norm2d.row" ? 1e-3 : 1e-5, c.training, in);
      },
      2e-6);
}

TEST_CASE("batch_norm2d: agrees with PyTorch in inference and in training" * doctest::test_suite("device")) {
  check_goldens(kCases, 2e-6);
}

TEST_CASE("batch_norm2d backward: is the gradient in inference and in training") { check_gradients(kCases); }

TEST_CASE("batch_norm2d: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kCases);
}

TEST_CASE("batch_norm2d: a training step moves the running statistics as PyTorch does" *
          doctest::test_suite("device")) {
  for (const LayerCase& c : kCases) {
    if (!c.training) continue;
    CAPTURE(c.name);
    Network network = network_of(c);
    Context context = test_context(2);
    network.to(context);
    Run pass(network, context, context.copy(inputs_of(c).x[0]),
              {.parameter_gradients = true, .training = true});
    pass.backward({1, context.copy(inputs_of(c).dy)}, {.parameter_gradients = true, .last = true});
    network.update_statistics(context, pass.saved());
    const auto parameters = network.parameters();
    const Tensor mean = context.to_host(*parameters[2].tensor), var = context.to_host(*parameters[3].tensor);
    const double tolerance = tolerance_on(context.device(), 1e-6);
    CHECK(relative_error(mean, golden("layers", c.name + ".running_mean")) <= tolerance);
    CHECK(relative_error(var, golden("layers", c.name + ".running_var")) <= tolerance);
  }
}

TEST_CASE("batch_norm2d: inference leaves the running statistics alone") {
  const LayerCase& c = kCases[0];
  Network network = network_of(c);
  const Tensor before = network.parameters()[2].tensor->clone();
  Context context({}, 1);
  Run pass(network, context, std::move(inputs_of(c).x[0]), {.parameter_gradients = true});
  network.update_statistics(context, pass.saved());
  CHECK(same_bits(*network.parameters()[2].tensor, before));
}

TEST_CASE("batch_norm_fused_forward: gives the bits of the operations one by one") {
  Context context({}, 2);
  const Shape shape{3, 5, 4, 7};
  const BatchNormParams p{.batch = 3, .channels = 5, .plane = 28};
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto random = [&](const Shape& s, std::string_view name) {
      return random_tensor(s, name, 0.1, 3).to(dtype);
    };
    const Tensor x = random(shape, "fused.x"), residual = random(shape, "fused.residual");
    const Tensor weight = random({5}, "fused.weight"), bias = random({5}, "fused.bias");
    const Tensor mean = random({5}, "fused.mean"), variance = random({5}, "fused.variance");
    Tensor fused(shape, dtype), apart(shape, dtype);
    dispatch(context, dtype, [&]<class T>(const Kernels<T>& k) {
      const std::int64_t count = shape.numel();
      const T *w = weight.data<T>(), *b = bias.data<T>(), *m = mean.data<T>(), *v = variance.data<T>();
      k.batch_norm_fused_forward(context, p, x.data<T>(), w, b, m, v, {residual.data<T>(), true, 4},
                                 fused.data<T>());
      k.batch_norm_forward(context, p, x.data<T>(), w, b, m, v, apart.data<T>());
      k.add_forward(context, count, apart.data<T>(), residual.data<T>(), apart.data<T>());
      k.relu_forward(context, {count, 4}, apart.data<T>(), apart.data<T>());
    });
    CHECK(same_bits(fused, apart));
  }
}

TEST_CASE("batch_norm2d: reads its input in backward only for its parameters") {
  CHECK_FALSE(batch_norm2d(3)->needs(false).inputs);
  CHECK(batch_norm2d(3)->needs(true).inputs);
}

TEST_CASE("batch_norm2d: errors name both sides") {
  const auto layer = batch_norm2d(64);
  const auto shape_of = [&](const Shape& x) { return layer->output_shape({&x, 1}); };
  CHECK_THROWS_WITH_AS(shape_of({1, 3, 8, 8}), "[batch_norm2d] x is 1×3×8×8, weight expects C=64", Error);
  CHECK_THROWS_WITH_AS(shape_of({1, 64}), "[batch_norm2d] x is 1×64, expected N×C×H×W", Error);
  CHECK_THROWS_AS(batch_norm2d(0), Error);

  const Network network = single(batch_norm2d(2), 2);
  Context context({}, 1);
  const auto train_on = [&](const Shape& shape) {
    Run(network, context, Tensor::zeros(shape), {.training = true});
  };
  CHECK_NOTHROW(train_on({2, 2, 1, 1}));
  CHECK_THROWS_WITH_AS(train_on({1, 2, 1, 1}),
                       "[batch_norm2d] x is 1×2×1×1, training needs more than one value per channel", Error);
}

TEST_CASE("batch_norm1d backward: is the gradient in inference and in training") {
  check_gradients(kFlatCases);
}

TEST_CASE("batch_norm1d: batches and threads and buffers change nothing" * doctest::test_suite("device")) {
  check_promises(kFlatCases);
}

TEST_CASE("batch_norm1d: is batch_norm2d of one place, in inference and in training") {
  Context context({}, 1);
  for (const bool training : {false, true}) {
    CAPTURE(training);
    Network flat(3), square(3);
    flat.add("flatten", flatten());
    flat.add("norm", batch_norm1d(3, 1e-3));
    square.add("norm", batch_norm2d(3, 1e-3));
    for (Network* network : {&flat, &square})
      for (const NamedParameter& p : network->parameters()) fill(*p.tensor, p.name, 0.5, 2);
    const Tensor x = random_tensor({7, 3, 1, 1}, "batch_norm1d.x");
    const ProgramOptions options{.training = training};
    const Run of_flat(flat, context, x.clone(), options), of_square(square, context, x.clone(), options);
    CHECK(of_flat.output().shape() == Shape{7, 3});
    CHECK(same_bits(of_flat.output().clone().reshaped({7, 3, 1, 1}), of_square.output()));
  }
  const auto layer = batch_norm1d(64);
  const Shape x{1, 64, 1, 1};
  CHECK_THROWS_WITH_AS(layer->output_shape({&x, 1}), "[batch_norm1d] x is 1×64×1×1, expected N×C", Error);
}
