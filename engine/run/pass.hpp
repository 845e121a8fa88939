// One forward pass of a network, and any number of backward passes from it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/graph/network.hpp"

namespace backlight {

struct ForwardOptions {
  /// Values to keep for reading; the output always is.
  std::vector<NodeId> keep = {};
  /// Nodes (the input is one) at which a later backward may ask for a gradient. Empty: no backward, and every
  /// activation is released once its last reader has run.
  std::vector<NodeId> gradients_at = {};
  bool parameter_gradients = false;
  Mode mode = {};
};

/// A scalar target by its gradient: `dy` is ∂target/∂(value of node), in that value's shape, in the host's
/// memory or the context's.
struct Seed {
  NodeId node;
  Tensor dy;
};

/// The target Σ_n value[n, index[n]] of an N×K value: one class per image.
Seed one_hot(NodeId node, const Shape& shape, std::span<const std::int64_t> index, DType dtype = DType::f32);

struct BackwardOptions {
  ReluRule rule = ReluRule::standard;
  /// Nodes whose gradients are wanted. Backward goes no further than these need.
  std::vector<NodeId> wrt = {};
  bool parameter_gradients = false;
  /// No backward will follow on this pass: what forward saved is released as soon as it has been used.
  bool last = false;
};

struct Gradients {
  std::map<NodeId, Tensor> nodes;  ///< one per node asked for; zero where the target does not depend on it
  std::vector<Tensor> parameters;  ///< in the order of Network::parameters(); undefined where not trainable
};

/// Holds the activations of one forward. The network must outlive the pass and stay as it is meanwhile.
class Pass {
 public:
  /// Runs forward; values lie in the context's memory. An input in the host's memory is copied there first.
  /// Throws Error(bad_input) when the input's shape does not fit the network, Error(unsupported) when it is
  /// neither float32 nor float64, Error(usage) when the network's parameters lie elsewhere or are of another
  /// type.
  Pass(const Network& network, Context& context, Tensor input, const ForwardOptions& options = {});

  /// A kept value. Throws Error(usage) for one that was released.
  const Tensor& value(NodeId node) const;
  const Tensor& output() const { return value(network_.output()); }

  /// Gradients of the sum of the seeds' targets. Standard backpropagation, but for the rule at each ReLU.
  /// Throws Error(usage) when forward was not told to prepare for what is asked.
  Gradients backward(std::span<const Seed> seeds, const BackwardOptions& options);
  Gradients backward(const Seed& seed, const BackwardOptions& options) {
    return backward({&seed, 1}, options);
  }

  /// What each node saved, for Network::update_statistics; after the last backward only its statistics.
  std::span<const Saved> saved() const { return saved_; }
  const Shape& shape(NodeId node) const { return shapes_[static_cast<std::size_t>(node)]; }

 private:
  std::size_t checked(NodeId id) const;
  void run_forward();
  void run_layer_backward(NodeId id, const Tensor& dy, const std::vector<bool>& wanted,
                          std::vector<std::optional<Tensor>>& dvalues, std::vector<Tensor>& dparameters,
                          ReluRule rule);
  std::vector<bool> reachable_from(std::span<const NodeId> nodes, bool from_parameters) const;

  const Network& network_;
  Context& context_;
  Mode mode_;
  DType dtype_;  ///< of every value
  std::vector<Shape> shapes_;
  std::vector<std::shared_ptr<Tensor>> values_;
  std::vector<Saved> saved_;
  std::vector<bool> pinned_;          ///< the caller will read the value
  std::vector<bool> differentiable_;  ///< a gradient may be asked for at this node
  std::vector<bool> backward_ready_;  ///< the node's layer saved what its backward needs
  std::vector<std::size_t>
      first_parameter_;  ///< index of the node's first parameter in Network::parameters()
  bool parameter_gradients_ = false;
  bool consumed_ = false;
};

}  // namespace backlight
