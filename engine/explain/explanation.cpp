#include "engine/explain/explanation.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/conv2d/conv2d_layer.hpp"
#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

OpKind kind_of(const Network& network, NodeId node) { return network.node(node).kind(); }

std::vector<TensorType> type_of(const Tensor& x) { return {{x.dtype(), x.shape()}}; }

ProgramOptions question(const Network& network, const std::vector<NodeId>& layers, bool input_gradient,
                        bool tails) {
  ProgramOptions options{.outputs = {score_node(network)}, .keep = layers, .gradients_at = layers};
  if (input_gradient) options.gradients_at.push_back(network.input());
  if (tails) options.resume_at = layers;
  for (const NodeId layer : tails ? std::span(layers) : std::span<const NodeId>())
    if (const auto linear = linear_behind(network, layer)) {
      options.resume_at.push_back(*linear);
      options.outputs.insert(options.outputs.end(), {*linear, network.node(*linear).inputs.front()});
    }
  return options;
}

ChannelMaps maps_of(const Shape& shape) {
  return {shape[0], shape[1], shape.numel() / (shape[0] * shape[1])};
}

const Tensor& weight_of(const Network& network, NodeId node) {
  return network.weights()[network.node(node).parameters.front()];
}

}  // namespace

NodeId score_node(const Network& network) {
  const OpKind kind = kind_of(network, network.output());
  if (kind == OpKind::softmax || kind == OpKind::log_softmax)
    return network.node(network.output()).inputs.front();
  return network.output();
}

std::optional<CamHead> find_cam_head(const Network& network) {
  const auto input_of = [&](NodeId node) { return network.node(node).inputs.front(); };
  const auto below = [&](NodeId node, std::initializer_list<OpKind> kinds) {
    while (std::ranges::find(kinds, kind_of(network, node)) != kinds.end()) node = input_of(node);
    return node;
  };
  NodeId node = score_node(network);
  std::optional<NodeId> classifier;
  if (kind_of(network, node) == OpKind::linear) {
    classifier = node;
    node = input_of(node);
  }
  node = below(node, {OpKind::flatten, OpKind::dropout});
  if (kind_of(network, node) != OpKind::adaptive_avg_pool2d) return std::nullopt;
  // One classifier and nothing else: a pooled plane other than 1×1 would give it more inputs than channels.
  const Shape probe = network.node(node).layer->output_shape(std::vector<Shape>{{1, 1, 4, 4}});
  if (probe[2] != 1 || probe[3] != 1) return std::nullopt;
  node = input_of(node);
  if (!classifier) {
    node = below(node, {OpKind::relu, OpKind::dropout});
    if (node == network.input() || !is_pointwise(*network.node(node).layer)) return std::nullopt;
    classifier = node;
    node = below(input_of(node), {OpKind::dropout});
  }
  if (node == network.input()) return std::nullopt;
  return CamHead{node, *classifier};
}

std::optional<NodeId> linear_behind(const Network& network, NodeId layer) {
  const NodeId score = score_node(network);
  for (auto node = only_reader(network.nodes(), layer); node && *node <= score;
       node = only_reader(network.nodes(), *node)) {
    switch (kind_of(network, *node)) {
      case OpKind::linear:
        return node;
      case OpKind::adaptive_avg_pool2d:
      case OpKind::avg_pool2d:
      case OpKind::dropout:
      case OpKind::flatten:
      case OpKind::max_pool2d:
      case OpKind::relu:
      case OpKind::relu6:
        continue;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

std::string grad_cam_obstacle(const Network& network, NodeId node, const Shape& shape) {
  const NodeId score = score_node(network);
  if (node == network.input()) return "it is the input";
  if (shape.rank() != 4) return text("its value is ", shape, ", not N×K×h×w");
  if (!decided_by(network, {&node, 1})[at(score)]) return "the scores do not depend on it";
  return {};
}

Explanation::Explanation(const Network& network, Context& context, Tensor x, std::vector<NodeId> layers,
                         bool input_gradient, bool tails)
    // In braces, which are evaluated from left to right: the type before x moves on.
    : Explanation{std::make_shared<const Program>(network, context, type_of(x),
                                                  question(network, layers, input_gradient, tails)),
                  context, tensors(std::move(x))} {}

Explanation::Explanation(Programs& programs, Context& context, Tensor x, std::vector<NodeId> layers,
                         bool input_gradient, bool tails)
    : Explanation{
          programs.get(context, type_of(x), question(programs.network(), layers, input_gradient, tails)),
          context, tensors(std::move(x))} {}

Explanation::Explanation(const Network& network, Context& context, std::vector<Given> given,
                         std::vector<Tensor> values, std::vector<NodeId> layers, bool tails)
    : Explanation(std::make_shared<const Program>(network, context, std::move(given),
                                                  question(network, layers, /*input_gradient=*/false, tails)),
                  context, std::move(values)) {}

Explanation::Explanation(std::shared_ptr<const Program> program, Context& context, std::vector<Tensor> values)
    : network_(program->network()),
      context_(context),
      score_(score_node(network_)),
      run_(std::move(program), context, std::move(values)) {
  for (const NodeId layer : run_.program().options().keep)
    if (const std::string obstacle = grad_cam_obstacle(network_, layer, run_.shape(layer)); !obstacle.empty())
      throw Error(ErrorKind::usage, "Grad-CAM cannot use layer '", network_.node(layer).name, "': ", obstacle,
                  "; `backlight layers` lists those it can use");
}

std::vector<std::int64_t> Explanation::top_classes() const {
  const Tensor values = context_.to_host(scores());
  const std::int64_t classes = values.shape()[1];
  std::vector<std::int64_t> top;
  dispatch_dtype(values.dtype(), [&]<class T>() {
    for (std::int64_t n = 0; n < values.shape()[0]; ++n) {
      const T* row = values.data<T>() + n * classes;
      top.push_back(std::max_element(row, row + classes) - row);
    }
  });
  return top;
}

Seed Explanation::target(std::span<const std::int64_t> classes, Direction direction) const {
  Seed seed = one_hot(score_, scores().shape(), classes, scores().dtype());
  if (direction == Direction::counterfactual)
    dispatch_dtype(seed.dy.dtype(), [&]<class T>() {
      for (T& v : seed.dy.values<T>())
        if (v != 0) v = -v;
    });
  return seed;
}

Seed Explanation::target(const Target& target) const {
  return {score_, evaluate(target, context_.to_host(scores())).gradient};
}

Tensor Explanation::weighted_sum(const Tensor& alpha, const Tensor& activations) const {
  const Shape& shape = activations.shape();
  Tensor map = context_.empty({shape[0], shape[2], shape[3]}, activations.dtype());
  dispatch(context_, map.dtype(), [&]<class T>(const Kernels<T>& k) {
    k.weighted_sum(context_, maps_of(shape), alpha.data<T>(), activations.data<T>(), map.data<T>());
  });
  return map;
}

double Explanation::scale_of(NodeId layer, AlphaReduction reduction) const {
  return reduction == AlphaReduction::mean ? 1.0 / static_cast<double>(maps_of(run_.shape(layer)).plane)
                                           : 1.0;
}

Tensor Explanation::channel_sums(const Tensor& values, double scale) const {
  const ChannelMaps maps = maps_of(values.shape());
  Tensor sums = context_.empty({maps.batch, maps.channels}, values.dtype());
  dispatch(context_, sums.dtype(), [&]<class T>(const Kernels<T>& k) {
    k.channel_sum(context_, maps, scale, values.data<T>(), sums.data<T>());
  });
  return sums;
}

Tensor Explanation::product(const Tensor& rows, const Tensor& matrix) const {
  const LinearParams linear{.batch = rows.shape()[0], .in = matrix.shape()[1], .out = rows.shape()[1]};
  Tensor product = context_.empty({linear.batch, linear.in}, rows.dtype());
  dispatch(context_, product.dtype(), [&]<class T>(const Kernels<T>& k) {
    k.linear_backward_data(context_, linear, rows.data<T>(), matrix.data<T>(), product.data<T>());
  });
  return product;
}

Tensor Explanation::channel_weights(NodeId layer, const Seed& target, AlphaReduction reduction) {
  const ChannelSums* const closed = program().channel_sums(layer);
  // A target of the layer itself, or of what lies between, has a gradient of its own there.
  const bool is_behind = closed && target.node >= closed->node;
  Tensor sums = channel_sums(gradient(is_behind ? closed->node : layer, target, BackwardRule::standard),
                             scale_of(layer, reduction));
  if (!is_behind) return sums;
  return product(sums, program().parameter(closed->matrix, network_.weights()));
}

ClassMap Explanation::grad_cam(NodeId layer, const Seed& target, AlphaReduction reduction) {
  Tensor alpha = channel_weights(layer, target, reduction);
  Tensor map = weighted_sum(alpha, activations(layer));
  return {std::move(alpha), std::move(map)};
}

ClassMap Explanation::grad_cam(NodeId layer, const Tensor& gradient, AlphaReduction reduction) const {
  Tensor alpha = channel_sums(context_.copy(gradient), scale_of(layer, reduction));
  Tensor map = weighted_sum(alpha, activations(layer));
  return {std::move(alpha), std::move(map)};
}

ClassMap Explanation::grad_cams(NodeId layer, const Tensor& dscores, AlphaReduction reduction) {
  const Shape &shape = dscores.shape(), &own = scores().shape();
  if (own[0] != 1 || shape.rank() != 2 || shape[1] != own[1] || dscores.dtype() != scores().dtype())
    throw Error(ErrorKind::usage, "targets by ", dscores.dtype(), " ", shape,
                " were asked about, but the scores are ", scores().dtype(), " ", own,
                ": expected one image and a row of as many for each target");
  const Tensor& a = activations(layer);
  const std::int64_t targets = shape[0], channels = a.shape()[1], plane = maps_of(a.shape()).plane;
  if (const ChannelSums* const closed = program().channel_sums(layer); closed && closed->node == score_) {
    Tensor alpha = product(channel_sums(context_.copy(dscores), scale_of(layer, reduction)),
                           program().parameter(closed->matrix, network_.weights()));
    Tensor maps = context_.empty({targets, a.shape()[2], a.shape()[3]}, a.dtype());
    dispatch(context_, a.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.matmul(context_, {.m = targets, .n = plane, .k = channels}, alpha.data<T>(), a.data<T>(),
               maps.data<T>());
    });
    return {std::move(alpha), std::move(maps)};
  }
  const Tensor rows = context_.to_host(dscores);
  ClassMap all{Tensor({targets, channels}, a.dtype()),
               Tensor({targets, a.shape()[2], a.shape()[3]}, a.dtype())};
  const auto* from = static_cast<const char*>(rows.raw());
  auto *alphas = static_cast<char*>(all.alpha.raw()), *maps = static_cast<char*>(all.map.raw());
  for (std::int64_t t = 0; t < targets; ++t) {
    Seed seed{score_, Tensor(own, a.dtype())};
    std::memcpy(seed.dy.raw(), from, seed.dy.bytes());
    const ClassMap one = grad_cam(layer, seed, reduction);
    const Tensor alpha = context_.to_host(one.alpha), map = context_.to_host(one.map);
    std::memcpy(alphas, alpha.raw(), alpha.bytes());
    std::memcpy(maps, map.raw(), map.bytes());
    from += seed.dy.bytes(), alphas += alpha.bytes(), maps += map.bytes();
  }
  return {context_.copy(all.alpha), context_.copy(all.map)};
}

Tensor Explanation::gradient(NodeId node, const Seed& target, BackwardRule rule) {
  Gradients gradients = run_.backward(target, {.rule = rule, .wrt = {node}});
  return std::move(gradients.nodes.at(node));
}

ClassMap Explanation::cam(const Seed& target) const {
  const std::optional<CamHead> head = find_cam_head(network_);
  if (!head)
    throw Error(ErrorKind::unsupported,
                "CAM needs a network that ends in global average pooling and one linear layer or 1×1 "
                "convolution, and "
                "this one ends in '",
                network_.node(network_.output()).name, "'; use grad-cam, which needs no such head");
  const Tensor& activations = run_.value(head->features);
  const Tensor& weight = weight_of(network_, head->classifier);
  Tensor alpha = product(context_.copy(target.dy), weight);
  Tensor map = weighted_sum(alpha, activations);
  return {std::move(alpha), std::move(map)};
}

}  // namespace backlight
