// A network made ready to be run: what is computed, in which order, what is kept and what is released, for inputs of
// given types and a given question. Made once, then only read: threads share it, and any number of runs.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/graph/network.hpp"

namespace backlight {

/// Each is a step over the graph that changes no result beyond rounding and can be left out alone.
struct Optimisations {
  /// What nobody asked for is not computed.
  bool drop_dead = true;
  /// A ReLU and a sum are computed by the layer before them, to the same bits on the CPU.
  bool fuse = true;
  /// Batch norm's scale becomes part of the convolution before it: other roundings. Folding reads every weight, so
  /// it is worth its time for programs that run more than once.
  bool fold = false;
  /// Weights are arranged once for their kernels, to the same bits. Takes as long as folding, and as much memory as
  /// the weights of convolutions.
  bool pack = false;
  /// With `pack`: 3×3 convolutions of stride 1 by Winograd's algorithm, which multiplies a quarter as often, where that
  /// is faster: other roundings, and weights four times as large, on the CPU.
  bool winograd = false;
  /// Values lie in one block, whose places are planned and which a run keeps until its end.
  bool arena = false;
  /// Grad-CAM's weights of channels come of a product of what follows the layer alone, where they are that
  /// (channel_sums.hpp), without a backward to the layer: other roundings. Where a channel has several columns in the
  /// product, their sums are made once, with `pack`.
  bool closed_form = false;

  static constexpr Optimisations none() { return {false, false, false, false, false, false, false}; }
  /// Those that keep the CPU's bits.
  static constexpr Optimisations exact() { return {true, true, false, true, false, true, false}; }
  static constexpr Optimisations all() { return {true, true, true, true, true, true, true}; }
  friend bool operator==(const Optimisations&, const Optimisations&) = default;
};

/// The question that a program answers.
struct ProgramOptions {
  /// What is computed; nothing: the graph's outputs.
  std::vector<NodeId> outputs = {};
  /// Nodes whose values are wanted as well.
  std::vector<NodeId> keep = {};
  /// Nodes (an input is one) at which a later backward may ask for a gradient. Empty: no backward, and every
  /// value is released once its last reader has run.
  std::vector<NodeId> gradients_at = {};
  bool parameter_gradients = false;
  bool training = false;
  /// Under which a backward will run, where that reads every layer's values: all are kept then. Batch norm becomes part
  /// of the convolution before it for LRP, whatever `optimise` says: its rules are of the two as one.
  BackwardRule rule = BackwardRule::standard;
  /// Nodes from which runs will go on with other values: what else the nodes behind them read is kept.
  std::vector<NodeId> resume_at = {};
  Optimisations optimise = {};

  friend bool operator==(const ProgramOptions&, const ProgramOptions&) = default;
};

/// One call of a layer's forward.
struct Step {
  NodeId node = 0;   ///< whose layer runs
  NodeId value = 0;  ///< the first value it makes: the node's, or that of the ReLU behind it
  std::optional<NodeId> residual = {};
  std::optional<double> relu_upper = {};
  bool in_place = false;
  bool saves = false;
  std::vector<NodeId> releases = {};      ///< values that nobody reads afterwards
  std::vector<std::size_t> offsets = {};  ///< where its values lie in the arena, if there is one
};

/// How a gradient's sums over positions, N×K, follow from those at another node: their product with a matrix.
struct ChannelSums {
  NodeId node = 0;
  std::size_t matrix = 0;  ///< out×K, or out×K×1×1: one of Program::parameter
};

class Program {
 public:
  /// For inputs of these types, in the order of Graph::inputs(). The network must outlive the program and keep its
  /// graph; its weights may change unless they are folded or packed. Throws Error(bad_input) when the inputs do not fit the
  /// network, Error(usage) for nodes that do not exist, Error(unsupported) for types that nothing computes in.
  Program(const Network& network, const Context& context, std::span<const TensorType> inputs,
          ProgramOptions options = {});
  /// The same from values in the middle of the network, which are given in place of what leads to them.
  Program(const Network& network, const Context& context, std::vector<Given> given,
          ProgramOptions options = {});

  const Network& network() const { return network_; }
  const ProgramOptions& options() const { return options_; }
  std::span<const Given> given() const { return given_; }
  std::span<const Step> steps() const { return steps_; }
  /// What computes a node's values: the network's node, or what optimisation made of it; without a layer where
  /// nothing is computed. Parameters from the network's number of parameters on are the program's own.
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  /// In what it computes.
  DType dtype() const { return dtype_; }
  /// What of the CPU's kernels it was made for.
  cpu::Isa isa() const { return isa_; }
  /// Throws Error(usage) for a node that does not exist or whose inputs were not given.
  const TensorType& type(NodeId id) const;
  const Shape& shape(NodeId id) const { return type(id).shape; }
  /// Size of the block in which all computed values lie; 0 where each is allocated by itself.
  std::size_t arena_bytes() const { return arena_bytes_; }
  /// Whether the value is given or computed.
  bool has(NodeId id) const;
  /// A node's parameter: one of `weights`, or the program's own.
  const Tensor& parameter(std::size_t i, const Weights& weights) const {
    return i < weights.size() ? weights[i] : prepared_[i - weights.size()];
  }
  /// What Layer::pack made for a node; null where it made nothing.
  const Tensor* packed(NodeId id) const { return made(packed_, id); }
  /// What Layer::pack_backward made.
  const Tensor* packed_backward(NodeId id) const { return made(packed_backward_, id); }
  /// Of a node of ProgramOptions::gradients_at; null where only its gradient tells.
  const ChannelSums* channel_sums(NodeId id) const {
    const auto found = channel_sums_.find(id);
    return found == channel_sums_.end() ? nullptr : &found->second;
  }
  /// Whether what the program folded and packed are these.
  bool is_made_of(const Weights& weights) const;

  /// Whether a caller may ask for the value after a run.
  bool is_wanted(NodeId id) const { return wanted_[static_cast<std::size_t>(id)]; }
  bool is_differentiable(NodeId id) const { return differentiable_[static_cast<std::size_t>(id)]; }
  bool is_backward_ready(NodeId id) const { return backward_ready_[static_cast<std::size_t>(id)]; }
  /// What the node's backward reads, in this program.
  Needs needs(NodeId id) const;
  /// Nodes whose value depends on one of `nodes`, these included, or on a trainable parameter.
  std::vector<bool> reached_from(std::span<const NodeId> nodes, bool from_parameters) const;
  /// Throws Error(usage) for a node that the network does not have.
  std::size_t checked(NodeId id) const;

 private:
  void choose_wanted();
  void drop_dead();
  void fold(const Context& context);
  void pack(const Context& context);
  void prepare_backward();
  void find_channel_sums(const Context& context);
  void plan_steps();
  void plan_memory();
  static const Tensor* made(const std::vector<Tensor>& all, NodeId id);
  bool trains(NodeId id) const;
  bool is_given(NodeId id) const;

  const Network& network_;
  ProgramOptions options_;
  std::vector<Given> given_;
  cpu::Isa isa_;
  DType dtype_ = DType::f32;
  std::vector<std::optional<TensorType>> types_;
  std::vector<Node> nodes_;
  Weights prepared_;
  Weights made_of_;             ///< what was folded or packed; empty where nothing was
  std::vector<Tensor> packed_, packed_backward_;  ///< by node
  std::map<NodeId, ChannelSums> channel_sums_;
  std::vector<bool> wanted_, differentiable_, backward_ready_;
  std::vector<Step> steps_;
  std::size_t arena_bytes_ = 0;
};

/// What the nodes behind `node` read besides its value and what follows from it, for the graph's outputs or the
/// given ones: a skip connection around it, a second branch.
std::vector<NodeId> beside(const Graph& graph, NodeId node, std::span<const NodeId> outputs);

}  // namespace backlight
