#include "support/layer_case.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/flatten/flatten_layer.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

namespace backlight::test {
namespace {

Tensor filled(const std::string& name, const Shape& shape, double low, double high, double step,
              DType dtype) {
  Tensor tensor = random_tensor(shape, name, low, high);
  for (float& v : tensor.values())
    if (step > 0) v = static_cast<float>(std::floor(static_cast<double>(v) / step) * step);
  return tensor.to(dtype);
}

Tensor copy_in(const std::shared_ptr<SentinelPool>& pool, const Tensor& tensor) {
  Tensor copy(tensor.shape(), tensor.dtype(), pool);
  dispatch_dtype(tensor.dtype(),
                 [&]<class T>() { std::copy_n(tensor.data<T>(), tensor.numel(), copy.data<T>()); });
  return copy;
}

/// Image n of a batch.
Tensor image(const Tensor& batch, std::int64_t n) {
  Tensor one(batch.shape().with(0, 1));
  std::copy_n(batch.data<float>() + n * one.numel(), one.numel(), one.data<float>());
  return one;
}

bool same_bits(std::span<const Tensor> a, std::span<const Tensor> b) {
  return std::ranges::equal(a, b, [](const Tensor& s, const Tensor& t) {
    return s.defined() == t.defined() && (!s.defined() || test::same_bits(s, t));
  });
}

bool same_bits(const LayerResult& a, const LayerResult& b) {
  return test::same_bits(a.y, b.y) && same_bits(a.dx, b.dx) && same_bits(a.dw, b.dw);
}

struct RunOptions {
  int threads = 1;
  BackwardRule rule = BackwardRule::standard;
  bool in_place = false;
  bool input_gradients = true;
  bool parameter_gradients = true;
  double dw_start = 0;
};

LayerResult run(const LayerCase& c, const LayerInputs& in, const RunOptions& options) {
  const DType dtype = in.dy.dtype();
  Context context = dtype == DType::f32 ? test_context(options.threads) : Context({}, options.threads);
  const auto layer = c.make();
  const auto sentinels =
      context.device().kind == Device::Kind::cpu ? std::make_shared<SentinelPool>() : nullptr;
  const auto empty = [&](const Shape& shape) {
    return sentinels ? Tensor(shape, dtype, sentinels) : context.empty(shape, dtype);
  };
  const auto within = [&](const Tensor& tensor) {
    return sentinels ? copy_in(sentinels, tensor) : context.copy(tensor);
  };
  const Mode mode{.training = c.training, .seed = 7};

  std::vector<Tensor> x;
  std::vector<Shape> x_shapes;
  std::vector<const Tensor*> x_pointers;
  for (const Tensor& tensor : in.x) {
    x.push_back(within(tensor));
    x_shapes.push_back(tensor.shape());
  }
  for (const Tensor& tensor : x) x_pointers.push_back(&tensor);
  std::vector<Tensor> w;
  std::vector<const Tensor*> w_pointers;
  for (const Tensor& tensor : in.w) w.push_back(within(tensor));
  for (const Tensor& tensor : w) w_pointers.push_back(&tensor);
  const Tensor dy = within(in.dy);

  LayerResult result;
  Saved saved;
  Tensor own_y;
  if (!options.in_place) own_y = empty(layer->output_shape(x_shapes));
  Tensor* const y = options.in_place ? x.data() : &own_y;
  layer->forward(
      {.context = context, .x = x_pointers, .w = w_pointers, .y = {&y, 1}, .saved = &saved, .mode = mode});

  std::vector<Tensor*> dx, dw;
  for (const Shape& shape : x_shapes) result.dx.push_back(options.input_gradients ? empty(shape) : Tensor());
  for (Tensor& tensor : result.dx) dx.push_back(tensor.defined() ? &tensor : nullptr);
  if (options.parameter_gradients) {
    for (const ParameterSpec& p : layer->parameters()) {
      Tensor start(p.shape, dtype);
      start.fill(options.dw_start);
      result.dw.push_back(p.trainable ? within(start) : Tensor());
    }
  }
  for (Tensor& tensor : result.dw) dw.push_back(tensor.defined() ? &tensor : nullptr);

  const Needs needs = layer->needs(options.parameter_gradients || c.training);
  if (!needs.inputs) std::ranges::fill(x_pointers, nullptr);
  const Tensor* const y_read = needs.outputs ? y : nullptr;
  const Tensor* const dy_read = &dy;
  layer->backward({.context = context,
                   .x = x_pointers,
                   .x_shapes = x_shapes,
                   .w = w_pointers,
                   .y = {&y_read, 1},
                   .saved = saved,
                   .dy = {&dy_read, 1},
                   .dx = dx,
                   .dw = dw,
                   .rule = options.rule,
                   .mode = mode});
  result.y = std::move(*y);
  if (sentinels && !sentinels->intact())
    throw Error(ErrorKind::internal, c.name, ": wrote outside its buffers");
  result.y = context.to_host(result.y);
  for (std::vector<Tensor>* tensors : {&result.dx, &result.dw})
    for (Tensor& tensor : *tensors)
      if (tensor.defined()) tensor = context.to_host(tensor);
  return result;
}

}  // namespace

Network network_of(const LayerCase& c) {
  const Shape& shape = c.x.at(0);
  Network network(shape[1]);
  if (shape.rank() == 2) network.add("flatten", flatten());
  network.add("layer", c.make());
  std::vector<Tensor> w = inputs_of(c).w;
  const std::vector<NamedParameter> parameters = network.parameters();
  for (std::size_t i = 0; i < w.size(); ++i) *parameters[i].tensor = std::move(w[i]);
  return network;
}

LayerInputs inputs_of(const LayerCase& c, DType dtype) {
  LayerInputs in;
  for (std::size_t i = 0; i < c.x.size(); ++i)
    in.x.push_back(filled(c.name + ".x" + std::to_string(i), c.x[i], c.low, c.high, c.step, dtype));
  for (const ParameterSpec& p : c.make()->parameters()) {
    const bool variance = p.name == "running_var";
    in.w.push_back(filled(c.name + "." + p.name, p.shape, variance ? 0.5 : -1, variance ? 2 : 1, 0, dtype));
  }
  in.dy = filled(c.name + ".dy", c.make()->output_shape(c.x), -1, 1, 0, dtype);
  return in;
}

LayerResult run_layer(const LayerCase& c, const LayerInputs& in, int threads, BackwardRule rule) {
  return run(c, in, {.threads = threads, .rule = rule});
}

void check_reference(std::span<const LayerCase> cases, const Reference& reference, double tolerance,
                     BackwardRule rule) {
  tolerance = tolerance_on(test_device(), tolerance);
  for (const LayerCase& c : cases) {
    CAPTURE(c.name);
    const LayerResult result = run_layer(c, inputs_of(c), 2, rule);
    const LayerResult expected = reference(c, inputs_of(c, DType::f64));
    CHECK(relative_error(result.y, expected.y) <= tolerance);
    REQUIRE(result.dx.size() == expected.dx.size());
    for (std::size_t i = 0; i < result.dx.size(); ++i)
      CHECK(relative_error(result.dx[i], expected.dx[i]) <= tolerance);
    for (std::size_t i = 0; i < result.dw.size(); ++i)
      if (result.dw[i].defined()) CHECK(relative_error(result.dw[i], expected.dw.at(i)) <= tolerance);
  }
}

void check_goldens(std::span<const LayerCase> cases, double tolerance) {
  tolerance = tolerance_on(test_device(), tolerance);
  for (const LayerCase& c : cases) {
    CAPTURE(c.name);
    const LayerResult result = run_layer(c, inputs_of(c), 2);
    CHECK(relative_error(result.y, golden("layers", c.name + ".y")) <= tolerance);
    for (std::size_t i = 0; i < result.dx.size(); ++i)
      CHECK(relative_error(result.dx[i], golden("layers", c.name + ".dx" + std::to_string(i))) <= tolerance);
    const auto parameters = c.make()->parameters();
    for (std::size_t i = 0; i < result.dw.size(); ++i)
      if (result.dw[i].defined())
        CHECK(relative_error(result.dw[i], golden("layers", c.name + ".d" + parameters[i].name)) <=
              tolerance);
  }
}

void check_gradients(std::span<const LayerCase> cases, bool spaced) {
  for (const LayerCase& c : cases) {
    CAPTURE(c.name);
    const Shape& shape = c.x.at(0);
    Network network = network_of(c);
    const Shape input = shape.rank() == 2 ? Shape{shape[0], shape[1], 1, 1} : shape;
    Tensor x = spaced ? off_kinks(input, c.name) : random_tensor(input, c.name, c.low, c.high, DType::f64);
    const GradcheckResult result = gradcheck(network, std::move(x), {.training = c.training, .seed = 7});
    CAPTURE(result.where);
    CHECK(result.checked >= shape.numel());
    CHECK(result.worst <= 1e-7);
  }
}

void check_promises(std::span<const LayerCase> cases) {
  for (const LayerCase& c : cases) {
    CAPTURE(c.name);
    const LayerInputs in = inputs_of(c);
    const LayerResult result = run(c, in, {});

    for (const int threads : {2, 3}) CHECK(same_bits(run(c, in, {.threads = threads}), result));

    if (c.make()->in_place() && !c.make()->needs(c.training).inputs) {
      const LayerResult in_place = run(c, in, {.in_place = true, .parameter_gradients = false});
      CHECK(test::same_bits(in_place.y, result.y));
      CHECK(same_bits(in_place.dx, result.dx));
    }

    CHECK(same_bits(run(c, in, {.parameter_gradients = false}).dx, result.dx));
    CHECK(same_bits(run(c, in, {.input_gradients = false}).dw, result.dw));

    const LayerResult added = run(c, in, {.dw_start = 3});
    for (std::size_t i = 0; i < result.dw.size(); ++i) {
      if (!result.dw[i].defined()) continue;
      Tensor expected = result.dw[i].clone();
      for (float& v : expected.values()) v += 3;
      CHECK(relative_error(added.dw[i], expected) <= 1e-6);
    }

    if (c.training) continue;
    for (std::int64_t n = 0; n < c.x[0][0]; ++n) {
      LayerInputs one;
      for (const Tensor& x : in.x) one.x.push_back(image(x, n));
      for (const Tensor& w : in.w) one.w.push_back(w.clone());
      one.dy = image(in.dy, n);
      const LayerResult alone = run(c, one, {});
      CHECK(test::same_bits(alone.y, image(result.y, n)));
      for (std::size_t i = 0; i < in.x.size(); ++i)
        CHECK(test::same_bits(alone.dx[i], image(result.dx[i], n)));
    }
  }
}

}  // namespace backlight::test
