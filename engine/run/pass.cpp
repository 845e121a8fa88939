#include "engine/run/pass.hpp"

#include <algorithm>
#include <utility>

#include "engine/graph/fusion.hpp"
#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

std::size_t at(NodeId id) { return static_cast<std::size_t>(id); }

void accumulate(Context& context, const Tensor& term, Tensor& sum) {
  dispatch(context, sum.dtype(), [&]<class T>(const Kernels<T>& k) {
    k.add_forward(context, sum.numel(), sum.data<T>(), term.data<T>(), sum.data<T>());
  });
}

}  // namespace

Seed one_hot(NodeId node, const Shape& shape, std::span<const std::int64_t> index, DType dtype) {
  if (shape.rank() != 2 || shape[0] != static_cast<std::int64_t>(index.size()))
    throw Error(ErrorKind::usage, index.size(), " classes were given for scores of ", shape,
                ", expected one per row");
  Tensor dy = Tensor::zeros(shape, dtype);
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const std::int64_t k = index[static_cast<std::size_t>(n)];
    if (k < 0 || k >= shape[1])
      throw Error(ErrorKind::usage, "class ", k, " was asked for, but the network has classes 0 to ",
                  shape[1] - 1);
    dispatch_dtype(dtype, [&]<class T>() { dy.data<T>()[n * shape[1] + k] = T{1}; });
  }
  return {node, std::move(dy)};
}

Pass::Pass(const Network& network, Context& context, Tensor input, const ForwardOptions& options)
    : network_(network),
      context_(context),
      mode_(options.mode),
      dtype_(input.dtype()),
      shapes_(network.shapes(input.shape())),
      values_(at(network.size())),
      saved_(at(network.size())),
      pinned_(at(network.size()), false),
      parameter_gradients_(options.parameter_gradients) {
  require_computed(dtype_, "the network's input");
  pinned_[at(network.output())] = true;
  for (const NodeId id : options.keep) pinned_[checked(id)] = true;
  first_parameter_.assign(at(network.size()) + 1, 0);
  for (NodeId id = 1; id < network.size(); ++id) {
    const std::vector<ConstParameter> parameters = network.node(id).layer->parameters();
    for (const ConstParameter& p : parameters) {
      if (p.tensor->dtype() != dtype_)
        throw Error(ErrorKind::usage, "the network's parameter '", network.node(id).name, ".", p.name,
                    "' is ", p.tensor->dtype(), ", but its input is ", dtype_,
                    ": convert one of them first, by Network::to or Tensor::to");
      if (!context.holds(*p.tensor))
        throw Error(ErrorKind::usage, "the network's parameter '", network.node(id).name, ".", p.name,
                    "' does not lie in the memory of ", context.device(),
                    ", where it is used: call Network::to(context) first");
    }
    first_parameter_[at(id) + 1] = first_parameter_[at(id)] + parameters.size();
  }
  differentiable_ = reachable_from(options.gradients_at, options.parameter_gradients);
  values_[0] = std::make_shared<Tensor>(context.holds(input) ? std::move(input) : context.copy(input));
  run_forward();
}

std::size_t Pass::checked(NodeId id) const {
  if (id < 0 || id >= network_.size())
    throw Error(ErrorKind::usage, "node ", id, " was asked for, but the network has nodes 0 to ",
                network_.output());
  return at(id);
}

/// Nodes whose value depends on one of `nodes`, these included, or on a trainable parameter.
std::vector<bool> Pass::reachable_from(std::span<const NodeId> nodes, bool from_parameters) const {
  std::vector<bool> reached(at(network_.size()), false);
  for (const NodeId id : nodes) reached[checked(id)] = true;
  for (NodeId id = 1; id < network_.size(); ++id) {
    const Node& node = network_.node(id);
    if (from_parameters && network_.parameter_count(id) > 0) reached[at(id)] = true;
    for (const NodeId from : node.inputs)
      if (reached[at(from)]) reached[at(id)] = true;
  }
  return reached;
}

void Pass::run_forward() {
  const NodeId size = network_.size();
  backward_ready_.assign(at(size), false);
  std::vector<bool> kept = pinned_;
  std::vector<int> readers = network_.readers();
  for (NodeId id = 1; id < size; ++id) {
    const Node& node = network_.node(id);
    const bool reads_gradient =
        std::ranges::any_of(node.inputs, [&](NodeId from) { return differentiable_[at(from)]; });
    const bool has_gradient = parameter_gradients_ && network_.parameter_count(id) > 0;
    backward_ready_[at(id)] = reads_gradient || has_gradient;
    const Needs needs =
        backward_ready_[at(id)] ? node.layer->needs(parameter_gradients_ || mode_.training) : Needs{};
    if (needs.output) kept[at(id)] = true;
    if (needs.inputs)
      for (const NodeId from : node.inputs) kept[at(from)] = true;
  }

  const auto fusions = mode_.training ? std::map<NodeId, Fusion>{} : find_fusions(network_, kept, readers);
  std::vector<bool> absorbed(at(size), false);
  for (const auto& [relu, fusion] : fusions) {
    absorbed[at(fusion.producer)] = true;
    if (fusion.add) absorbed[at(*fusion.add)] = true;
  }
  for (NodeId id = 1; id < size; ++id) {
    if (absorbed[at(id)]) continue;
    const auto found = fusions.find(id);
    const Fusion* fusion = found == fusions.end() ? nullptr : &found->second;
    const Node& node = network_.node(fusion ? fusion->producer : id);
    ForwardEpilogue epilogue;
    if (fusion) epilogue.relu_upper = network_.node(id).layer->relu_upper();
    std::vector<NodeId> inputs = node.inputs;
    std::vector<const Tensor*> x;
    for (const NodeId from : inputs) x.push_back(values_[at(from)].get());
    const NodeId first = inputs.front();
    const bool in_place = node.layer->in_place() && !kept[at(first)] && readers[at(first)] == 1 && first != 0;
    values_[at(id)] =
        in_place ? values_[at(first)] : std::make_shared<Tensor>(context_.empty(shapes_[at(id)], dtype_));
    if (fusion && fusion->residual) {
      epilogue.residual = values_[at(*fusion->residual)].get();
      inputs.push_back(*fusion->residual);
    }
    const bool saves = !fusion && backward_ready_[at(id)];
    node.layer->forward({.context = context_,
                         .x = x,
                         .y = *values_[at(id)],
                         .saved = saves ? &saved_[at(id)] : nullptr,
                         .mode = {mode_.training, mode_.seed + static_cast<std::uint64_t>(id)},
                         .epilogue = epilogue});
    for (const NodeId from : inputs)
      if (--readers[at(from)] == 0 && !kept[at(from)]) values_[at(from)].reset();
  }
}

const Tensor& Pass::value(NodeId node) const {
  const auto& value = values_[checked(node)];
  if (!value)
    throw Error(ErrorKind::usage, "the value of '", network_.node(node).name,
                "' was released: name it in ForwardOptions::keep");
  return *value;
}

Gradients Pass::backward(std::span<const Seed> seeds, const BackwardOptions& options) {
  if (consumed_) throw Error(ErrorKind::usage, "this pass already ran its last backward");
  if (options.parameter_gradients && !parameter_gradients_)
    throw Error(ErrorKind::usage,
                "parameter gradients were asked for, but forward was not told to prepare them");
  for (const NodeId id : options.wrt)
    if (!differentiable_[checked(id)])
      throw Error(ErrorKind::usage, "a gradient at '", network_.node(id).name,
                  "' was asked for: name it in ForwardOptions::gradients_at");
  const std::vector<bool> wanted = reachable_from(options.wrt, options.parameter_gradients);
  std::vector<std::optional<Tensor>> dvalues(at(network_.size()));
  for (const Seed& seed : seeds) {
    if (seed.dy.shape() != shapes_[checked(seed.node)])
      throw Error(ErrorKind::usage, "the seed at '", network_.node(seed.node).name, "' is ", seed.dy.shape(),
                  ", its value is ", shapes_[at(seed.node)]);
    if (seed.dy.dtype() != dtype_)
      throw Error(ErrorKind::usage, "the seed at '", network_.node(seed.node).name, "' is ", seed.dy.dtype(),
                  ", its value is ", dtype_);
    auto& dvalue = dvalues[at(seed.node)];
    Tensor dy = context_.copy(seed.dy);
    if (dvalue)
      accumulate(context_, dy, *dvalue);
    else
      dvalue = std::move(dy);
  }
  consumed_ = options.last;

  Gradients result;
  if (options.parameter_gradients)
    for (const ConstNamedParameter& p : network_.parameters())
      result.parameters.push_back(p.trainable ? context_.zeros(p.tensor->shape(), p.tensor->dtype())
                                              : Tensor());

  for (NodeId id = network_.output(); id >= 0; --id) {
    auto& dvalue = dvalues[at(id)];
    if (dvalue && wanted[at(id)]) {
      if (id > 0 && backward_ready_[at(id)])
        run_layer_backward(id, *dvalue, wanted, dvalues, result.parameters, options.rule);
      if (std::ranges::find(options.wrt, id) != options.wrt.end())
        result.nodes.emplace(id, std::move(*dvalue));
    }
    dvalue.reset();
    if (options.last) {
      if (!pinned_[at(id)]) values_[at(id)].reset();
      saved_[at(id)].tensors.clear();
      saved_[at(id)].indices = {};
    }
  }
  for (const NodeId id : options.wrt)
    if (!result.nodes.contains(id)) result.nodes.emplace(id, context_.zeros(shapes_[at(id)], dtype_));
  return result;
}

void Pass::run_layer_backward(NodeId id, const Tensor& dy, const std::vector<bool>& wanted,
                              std::vector<std::optional<Tensor>>& dvalues, std::vector<Tensor>& dparameters,
                              ReluRule rule) {
  const Node& node = network_.node(id);
  const Needs needs = node.layer->needs(parameter_gradients_ || mode_.training);
  std::vector<const Tensor*> x;
  std::vector<Shape> x_shapes;
  std::vector<Tensor> terms(node.inputs.size());
  std::vector<Tensor*> dx;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const NodeId from = node.inputs[i];
    x.push_back(needs.inputs ? values_[at(from)].get() : nullptr);
    x_shapes.push_back(shapes_[at(from)]);
    if (wanted[at(from)]) terms[i] = context_.empty(shapes_[at(from)], dy.dtype());
    dx.push_back(wanted[at(from)] ? &terms[i] : nullptr);
  }
  std::vector<Tensor*> dw;
  if (!dparameters.empty()) {
    for (std::size_t i = first_parameter_[at(id)]; i < first_parameter_[at(id) + 1]; ++i) {
      Tensor& gradient = dparameters[i];
      dw.push_back(gradient.defined() ? &gradient : nullptr);
    }
  }
  if (std::ranges::none_of(dx, [](const Tensor* t) { return t != nullptr; }) &&
      std::ranges::none_of(dw, [](const Tensor* t) { return t != nullptr; }))
    return;
  node.layer->backward({.context = context_,
                        .x = x,
                        .x_shapes = x_shapes,
                        .y = needs.output ? values_[at(id)].get() : nullptr,
                        .saved = saved_[at(id)],
                        .dy = dy,
                        .dx = dx,
                        .dw = dw,
                        .rule = rule,
                        .mode = {mode_.training, mode_.seed + static_cast<std::uint64_t>(id)}});
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (!terms[i].defined()) continue;
    auto& sum = dvalues[at(node.inputs[i])];
    if (sum)
      accumulate(context_, terms[i], *sum);
    else
      sum = std::move(terms[i]);
  }
}

}  // namespace backlight
