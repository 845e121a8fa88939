#include "engine/run/program.hpp"

#include <algorithm>
#include <utility>

#include "engine/graph/fusion.hpp"
#include "engine/run/arena.hpp"
#include "engine/run/channel_sums.hpp"
#include "engine/run/fold.hpp"

namespace backlight {
namespace {

std::vector<Given> inputs_given(const Network& network, std::span<const TensorType> inputs) {
  const std::span<const NodeId> nodes = network.inputs();
  if (inputs.size() != nodes.size())
    throw Error(ErrorKind::usage, inputs.size(), " inputs were given for a network of ", nodes.size());
  std::vector<Given> given;
  for (std::size_t i = 0; i < inputs.size(); ++i) given.push_back({nodes[i], inputs[i]});
  return given;
}

/// In which values and parameters are computed: the floating-point type of what is given, else the parameters'.
DType computed_type(const Network& network, std::span<const Given> given) {
  for (const Given& value : given)
    if (is_computed(value.type.dtype)) return value.type.dtype;
  return network.dtype();
}

}  // namespace

std::vector<NodeId> beside(const Graph& graph, NodeId node, std::span<const NodeId> outputs) {
  const std::vector<bool> tail = decided_by(graph, {&node, 1});
  std::vector<bool> needed(at(graph.size()), false), read(at(graph.size()), false);
  for (const NodeId id : outputs) needed[at(id)] = true;
  for (NodeId id = graph.last(); id > node; --id) {
    if (!needed[at(id)] || !tail[at(id)]) continue;
    for (const NodeId from : graph.node(id).inputs) (tail[at(from)] ? needed : read)[at(from)] = true;
  }
  std::vector<NodeId> all;
  for (NodeId id = 0; id < graph.size(); ++id)
    if (read[at(id)]) all.push_back(id);
  return all;
}

Program::Program(const Network& network, const Context& context, std::span<const TensorType> inputs,
                 ProgramOptions options)
    : Program(network, context, inputs_given(network, inputs), std::move(options)) {}

Program::Program(const Network& network, const Context& context, std::vector<Given> given,
                 ProgramOptions options)
    : network_(network),
      options_(std::move(options)),
      given_(std::move(given)),
      isa_(context.isa()),
      dtype_(computed_type(network, given_)) {
  for (const Given& value : given_) checked(value.node);
  types_ = network.types(given_, dtype_);
  nodes_.assign(network.nodes().begin(), network.nodes().end());
  for (NodeId id = 0; id < network.size(); ++id)
    if (is_given(id) || !types_[at(id)]) nodes_[at(id)].layer = nullptr;
  choose_wanted();
  if (options_.optimise.drop_dead) drop_dead();
  const bool weights_stay = !options_.training && !options_.parameter_gradients;
  if ((options_.optimise.fold || is_lrp(options_.rule)) && weights_stay) fold(context);
  prepare_backward();
  plan_steps();
  if (options_.optimise.arena) plan_memory();
  if (options_.optimise.pack && weights_stay) pack(context);
  if (options_.optimise.closed_form && weights_stay) find_channel_sums(context);
}

std::size_t Program::checked(NodeId id) const {
  if (id < 0 || id >= network_.size())
    throw Error(ErrorKind::usage, "node ", id, " was asked for, but the network has nodes 0 to ",
                network_.last());
  return at(id);
}

bool Program::is_given(NodeId id) const {
  return std::ranges::find(given_, id, &Given::node) != given_.end();
}

bool Program::has(NodeId id) const { return nodes_[checked(id)].layer || is_given(id); }

const TensorType& Program::type(NodeId id) const {
  const auto& type = types_[checked(id)];
  if (!type)
    throw Error(ErrorKind::usage, "the value of '", network_.node(id).name,
                "' does not follow from what is given");
  return *type;
}

void Program::choose_wanted() {
  wanted_.assign(at(network_.size()), false);
  if (options_.outputs.empty())
    for (const NamedOutput& output : network_.outputs()) options_.outputs.push_back(output.node);
  for (const NodeId id : options_.outputs) wanted_[checked(id)] = true;
  for (const NodeId id : options_.keep) wanted_[checked(id)] = true;
  for (const NodeId id : options_.gradients_at) checked(id);
  for (const NodeId id : options_.resume_at) {
    checked(id);
    for (const NodeId other : beside(network_, id, options_.outputs)) wanted_[at(other)] = true;
  }
  for (NodeId id = 0; id < network_.size(); ++id)
    if (wanted_[at(id)]) type(id);  // refuses what cannot be computed
}

void Program::drop_dead() {
  std::vector<bool> needed = wanted_;
  for (NodeId id = network_.last(); id >= 0; --id) {
    Node& node = nodes_[at(id)];
    if (!node.layer) continue;
    if (!needed[at(id)]) {
      node.layer = nullptr;
    } else if (node.output > 0) {
      needed[at(id) - static_cast<std::size_t>(node.output)] = true;
    } else {
      for (const NodeId from : node.inputs) needed[at(from)] = true;
    }
  }
  for (NodeId id = 0; id < network_.size(); ++id)  // a layer runs for all of its values
    if (const int output = network_.node(id).output; output > 0 && !is_given(id))
      nodes_[at(id)].layer = nodes_[at(id) - static_cast<std::size_t>(output)].layer;
}

void Program::fold(const Context& context) {
  std::vector<bool> kept = wanted_;
  for (const NodeId id : options_.gradients_at) kept[at(id)] = true;
  const std::vector<NodeId> folds = find_folds(nodes_, kept);
  if (folds.empty()) return;
  made_of_ = network_.weights();
  for (const NodeId id : folds) {
    Node& convolution = nodes_[at(nodes_[at(id)].inputs.front())];
    FoldedConv2d folded = fold_batch_norm(context, convolution, nodes_[at(id)], made_of_);
    Node& node = nodes_[at(id)];
    node.layer = std::move(folded.layer);
    node.inputs = convolution.inputs;
    node.parameters.clear();
    for (Tensor* tensor : {&folded.weight, &folded.bias}) {
      node.parameters.push_back(made_of_.size() + prepared_.size());
      prepared_.add(std::move(*tensor));
    }
    convolution.layer = nullptr;
  }
}

void Program::pack(const Context& context) {
  made_of_ = network_.weights();
  packed_.resize(nodes_.size());
  packed_backward_.resize(nodes_.size());
  for (const Step& step : steps_) {
    const Node& node = nodes_[at(step.node)];
    std::vector<const Tensor*> w;
    for (const std::size_t i : node.parameters) w.push_back(&parameter(i, made_of_));
    // Weights that lie elsewhere are refused by name when the program runs.
    const bool held = std::ranges::all_of(w, [&](const Tensor* tensor) { return context.holds(*tensor); });
    if (w.empty() || !held) continue;
    std::vector<Shape> x;
    for (const NodeId from : node.inputs) x.push_back(shape(from));
    const PackArgs args{context, w, x, options_.optimise.winograd};
    packed_[at(step.node)] = node.layer->pack(args);
    // LRP's products are of other weights.
    if (!is_lrp(options_.rule) &&
        std::ranges::any_of(node.inputs, [&](NodeId from) { return is_differentiable(from); }))
      packed_backward_[at(step.node)] = node.layer->pack_backward(args);
  }
}

const Tensor* Program::made(const std::vector<Tensor>& all, NodeId id) {
  return all.empty() || !all[at(id)].defined() ? nullptr : &all[at(id)];
}

bool Program::is_made_of(const Weights& weights) const {
  for (std::size_t i = 0; i < made_of_.size(); ++i)
    if (i >= weights.size() || made_of_.shared(i) != weights.shared(i)) return false;
  return true;
}

bool Program::trains(NodeId id) const {
  return std::ranges::any_of(nodes_[at(id)].parameters, [&](std::size_t i) {
    const auto& all = network_.Graph::parameters();
    return i < all.size() && all[i].spec.trainable;
  });
}

std::vector<bool> Program::reached_from(std::span<const NodeId> nodes, bool from_parameters) const {
  std::vector<bool> reached(nodes_.size(), false);
  for (const NodeId id : nodes) reached[checked(id)] = true;
  for (NodeId id = 0; id < network_.size(); ++id) {
    if (!nodes_[at(id)].layer) continue;
    if (from_parameters && trains(id - nodes_[at(id)].output)) reached[at(id)] = true;
    for (const NodeId from : nodes_[at(id)].inputs)
      if (reached[at(from)]) reached[at(id)] = true;
  }
  return reached;
}

Needs Program::needs(NodeId id) const {
  if (backward_ready_[at(id)] && reads_values(options_.rule)) return {.inputs = true, .outputs = true};
  return backward_ready_[at(id)]
             ? nodes_[at(id)].layer->needs(options_.parameter_gradients || options_.training)
             : Needs{};
}

void Program::prepare_backward() {
  differentiable_ = reached_from(options_.gradients_at, options_.parameter_gradients);
  backward_ready_.assign(nodes_.size(), false);
  for (NodeId id = 0; id < network_.size(); ++id) {
    const Node& node = nodes_[at(id)];
    if (!node.computes()) continue;
    backward_ready_[at(id)] =
        (options_.parameter_gradients && trains(id)) ||
        std::ranges::any_of(node.inputs, [&](NodeId from) { return differentiable_[at(from)]; });
  }
}

void Program::find_channel_sums(const Context& context) {
  for (const NodeId id : options_.gradients_at) {
    if (!has(id) || type(id).shape.rank() != 4) continue;
    const auto node = product_behind(nodes_, id);
    if (!node) continue;
    const std::size_t weight = nodes_[at(*node)].parameters.front();
    const std::int64_t channels = type(id).shape[1];
    const Tensor& w = parameter(weight, network_.weights());
    ChannelSums sums{*node, weight};
    if (w.shape()[1] != channels) {
      if (!options_.optimise.pack || !context.holds(w)) continue;
      sums.matrix = network_.weights().size() + prepared_.size();
      prepared_.add(sums_by_channel(context, w, channels));
    }
    channel_sums_.emplace(id, sums);
  }
}

void Program::plan_steps() {
  std::vector<bool> kept = wanted_;
  for (NodeId id = 0; id < network_.size(); ++id) {
    if (!nodes_[at(id)].computes()) continue;
    const Needs needs = this->needs(id);
    if (needs.outputs)
      for (int i = 0; i < nodes_[at(id)].layer->output_count(); ++i) kept[at(id + i)] = true;
    if (needs.inputs)
      for (const NodeId from : nodes_[at(id)].inputs) kept[at(from)] = true;
  }

  std::map<NodeId, Fusion> fusions;
  if (options_.optimise.fuse && !options_.training) fusions = find_fusions(nodes_, kept);
  std::vector<bool> absorbed(nodes_.size(), false);
  for (const auto& [relu, fusion] : fusions) {
    absorbed[at(fusion.producer)] = true;
    if (fusion.add) absorbed[at(*fusion.add)] = true;
  }

  std::vector<int> readers = readers_of(nodes_);
  for (NodeId id = 0; id < network_.size(); ++id) {
    if (!nodes_[at(id)].computes() || absorbed[at(id)]) continue;
    Step step{.node = id, .value = id, .saves = backward_ready_[at(id)]};
    if (const auto found = fusions.find(id); found != fusions.end()) {
      step.node = found->second.producer;
      step.residual = found->second.residual;
      step.relu_upper = nodes_[at(id)].layer->relu_upper();
      step.saves = false;
    }
    const Node& node = nodes_[at(step.node)];
    std::vector<NodeId> read = node.inputs;
    if (step.residual) read.push_back(*step.residual);
    if (node.layer->in_place()) {
      const NodeId first = node.inputs.front();
      step.in_place = !kept[at(first)] && readers[at(first)] == 1 && !is_given(first);
    }
    for (const NodeId from : read)
      if (--readers[at(from)] == 0 && !kept[at(from)]) step.releases.push_back(from);
    for (int i = 0; i < node.layer->output_count(); ++i)
      if (readers[at(id + i)] == 0 && !kept[at(id + i)]) step.releases.push_back(id + i);
    steps_.push_back(std::move(step));
  }
}

void Program::plan_memory() {
  const int end = static_cast<int>(steps_.size());
  std::vector<Lifetime> lifetimes;
  std::vector<std::optional<std::size_t>> places(nodes_.size());  // of values, in lifetimes
  for (int i = 0; i < end; ++i) {
    const Step& step = steps_[static_cast<std::size_t>(i)];
    const Node& node = nodes_[at(step.node)];
    if (step.in_place) {
      places[at(step.value)] = places[at(node.inputs.front())];
      lifetimes[*places[at(step.value)]].last = end;
    } else {
      for (int k = 0; k < node.layer->output_count(); ++k) {
        const TensorType& value = type(step.value + k);
        places[at(step.value + k)] = lifetimes.size();
        lifetimes.push_back({static_cast<std::size_t>(value.shape.numel()) * size_of(value.dtype), i, end});
      }
    }
    for (const NodeId id : step.releases)
      if (const auto place = places[at(id)]; place && id != (step.in_place ? node.inputs.front() : -1))
        lifetimes[*place].last = i;
  }
  const ArenaPlan plan = plan_arena(lifetimes);
  arena_bytes_ = plan.bytes;
  for (Step& step : steps_)
    for (int k = 0; k < nodes_[at(step.node)].layer->output_count(); ++k)
      step.offsets.push_back(plan.offsets[*places[at(step.value + k)]]);
}

}  // namespace backlight
