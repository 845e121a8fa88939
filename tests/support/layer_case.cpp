#include "support/layer_case.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/concat/concat_layer.hpp"
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
  std::memcpy(copy.raw(), tensor.raw(), tensor.bytes());
  return copy;
}

/// Image n of a batch.
Tensor image(const Tensor& batch, std::int64_t n) {
  if (!batch.defined()) return {};
  Tensor one(batch.shape().with(0, 1), batch.dtype());
  std::memcpy(one.raw(), static_cast<const char*>(batch.raw()) + static_cast<std::size_t>(n) * one.bytes(),
              one.bytes());
  return one;
}

std::vector<Tensor> images(const std::vector<Tensor>& batches, std::int64_t n) {
  std::vector<Tensor> all;
  for (const Tensor& batch : batches) all.push_back(image(batch, n));
  return all;
}

/// The types of the layer's values.
std::vector<TensorType> types_of(const LayerCase& c, std::span<const Tensor> x, DType dtype) {
  std::vector<TensorType> types;
  for (const Tensor& tensor : x) types.push_back({tensor.dtype(), tensor.shape()});
  return c.make()->infer(types, dtype);
}

bool same_bits(std::span<const Tensor> a, std::span<const Tensor> b) {
  return std::ranges::equal(a, b, [](const Tensor& s, const Tensor& t) {
    return s.defined() == t.defined() && (!s.defined() || test::same_bits(s, t));
  });
}

bool same_bits(const LayerResult& a, const LayerResult& b) {
  return test::same_bits(a.y, b.y) && same_bits(a.more_y, b.more_y) && same_bits(a.dx, b.dx) &&
         same_bits(a.dw, b.dw);
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
  std::vector<Tensor> dy;
  dy.push_back(within(in.dy));
  for (const Tensor& tensor : in.more_dy) dy.push_back(within(tensor));
  std::vector<const Tensor*> dy_read;
  for (const Tensor& tensor : dy) dy_read.push_back(&tensor);

  LayerResult result;
  Saved saved;
  std::vector<Tensor> own_y;
  std::vector<Tensor*> y;
  if (options.in_place)
    y.push_back(x.data());
  else
    for (const TensorType& type : types_of(c, in.x, dtype)) own_y.push_back(empty(type.shape));
  for (Tensor& tensor : own_y) y.push_back(&tensor);
  layer->forward(
      {.context = context, .x = x_pointers, .w = w_pointers, .y = y, .saved = &saved, .mode = mode});

  std::vector<Tensor*> dx, dw;
  for (const Tensor& tensor : x)
    result.dx.push_back(options.input_gradients && tensor.dtype() == dtype ? empty(tensor.shape())
                                                                           : Tensor());
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
  std::vector<const Tensor*> y_read(y.size(), nullptr);
  if (needs.outputs) std::ranges::copy(y, y_read.begin());
  layer->backward({.context = context,
                   .x = x_pointers,
                   .x_shapes = x_shapes,
                   .w = w_pointers,
                   .y = y_read,
                   .saved = saved,
                   .dy = dy_read,
                   .dx = dx,
                   .dw = dw,
                   .rule = options.rule,
                   .mode = mode});
  result.y = std::move(*y[0]);
  for (std::size_t i = 1; i < y.size(); ++i) result.more_y.push_back(std::move(*y[i]));
  if (sentinels && !sentinels->intact())
    throw Error(ErrorKind::internal, c.name, ": wrote outside its buffers");
  result.y = context.to_host(result.y);
  for (std::vector<Tensor>* tensors : {&result.more_y, &result.dx, &result.dw})
    for (Tensor& tensor : *tensors)
      if (tensor.defined()) tensor = context.to_host(tensor);
  return result;
}

}  // namespace

Network network_of(const LayerCase& c) {
  std::vector<InputSpec> inputs;
  std::vector<NodeId> read;
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    read.push_back(static_cast<NodeId>(i));
    inputs.push_back(
        {.name = "x" + std::to_string(i),
         .extents = std::vector<std::int64_t>(static_cast<std::size_t>(c.x[i].rank()), kAnyExtent)});
    if (c.tokens == read.back()) inputs.back().dtype = DType::i32;
  }
  Network network(std::move(inputs));
  const NodeId layer = network.add("layer", c.make(), read);
  const int values = network.node(layer).layer->output_count();
  std::vector<NodeId> rows;
  for (int i = 0; values > 1 && i < values; ++i)
    rows.push_back(network.add("rows" + std::to_string(i), flatten(), {layer + i}));
  if (values > 1) network.add("together", concat(), rows);
  std::vector<Tensor> w = inputs_of(c).w;
  const std::vector<NamedParameter> parameters = network.parameters();
  for (std::size_t i = 0; i < w.size(); ++i) *parameters[i].tensor = std::move(w[i]);
  return network;
}

LayerInputs inputs_of(const LayerCase& c, DType dtype) {
  LayerInputs in;
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    const std::string name = c.name + ".x" + std::to_string(i);
    in.x.push_back(c.tokens == static_cast<int>(i) ? filled(name, c.x[i], 0, kTokenIds, 0, DType::i32)
                                                   : filled(name, c.x[i], c.low, c.high, c.step, dtype));
  }
  for (const ParameterSpec& p : c.make()->parameters()) {
    const bool variance = p.name == "running_var";
    in.w.push_back(filled(c.name + "." + p.name, p.shape, variance ? 0.5 : -1, variance ? 2 : 1, 0, dtype));
  }
  const std::vector<TensorType> y = types_of(c, in.x, dtype);
  in.dy = filled(c.name + ".dy", y[0].shape, -1, 1, 0, dtype);
  for (std::size_t i = 1; i < y.size(); ++i)
    in.more_dy.push_back(filled(c.name + ".dy" + std::to_string(i), y[i].shape, -1, 1, 0, dtype));
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
    REQUIRE(result.more_y.size() == expected.more_y.size());
    for (std::size_t i = 0; i < result.more_y.size(); ++i)
      CHECK(relative_error(result.more_y[i], expected.more_y[i]) <= tolerance);
    REQUIRE(result.dx.size() == expected.dx.size());
    for (std::size_t i = 0; i < result.dx.size(); ++i)
      if (result.dx[i].defined()) CHECK(relative_error(result.dx[i], expected.dx[i]) <= tolerance);
    for (std::size_t i = 0; i < result.dw.size(); ++i)
      if (result.dw[i].defined()) CHECK(relative_error(result.dw[i], expected.dw.at(i)) <= tolerance);
  }
}

void check_goldens(std::span<const LayerCase> cases, double tolerance, std::string_view stem) {
  tolerance = tolerance_on(test_device(), tolerance);
  for (const LayerCase& c : cases) {
    CAPTURE(c.name);
    const LayerResult result = run_layer(c, inputs_of(c), 2);
    const auto check = [&](const Tensor& found, const std::string& name) {
      CAPTURE(name);
      if (found.defined()) CHECK(relative_error(found, golden(stem, c.name + name)) <= tolerance);
    };
    check(result.y, ".y");
    for (std::size_t i = 0; i < result.more_y.size(); ++i)
      check(result.more_y[i], ".y" + std::to_string(i + 1));
    for (std::size_t i = 0; i < result.dx.size(); ++i) check(result.dx[i], ".dx" + std::to_string(i));
    const auto parameters = c.make()->parameters();
    for (std::size_t i = 0; i < result.dw.size(); ++i) check(result.dw[i], ".d" + parameters[i].name);
  }
}

void check_gradients(std::span<const LayerCase> cases, bool spaced) {
  for (const LayerCase& c : cases) {
    CAPTURE(c.name);
    Network network = network_of(c);
    LayerCase smooth = c;
    smooth.step = 0;
    LayerInputs in = inputs_of(smooth, DType::f64);
    if (spaced) in.x[0] = off_kinks(c.x[0], c.name);
    const GradcheckResult result = gradcheck(network, std::move(in.x), {.training = c.training, .seed = 7});
    CAPTURE(result.where);
    CHECK(result.checked >= (c.tokens == 0 ? 1 : c.x[0].numel()));
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
      one.x = images(in.x, n);
      for (const Tensor& w : in.w) one.w.push_back(w.clone());
      one.dy = image(in.dy, n);
      one.more_dy = images(in.more_dy, n);
      const LayerResult alone = run(c, one, {});
      CHECK(test::same_bits(alone.y, image(result.y, n)));
      CHECK(same_bits(alone.more_y, images(result.more_y, n)));
      CHECK(same_bits(alone.dx, images(result.dx, n)));
    }
  }
}

}  // namespace backlight::test
