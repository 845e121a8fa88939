// One execution of a program: its forward, and any number of backwards from it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/run/program.hpp"

namespace backlight {

/// A scalar target by its gradient: `dy` is ∂target/∂(value of node), in that value's shape, in the host's
/// memory or the context's.
struct Seed {
  NodeId node;
  Tensor dy;
};

/// The target Σ_n value[n, index[n]] of an N×K value: one class per image.
Seed one_hot(NodeId node, const Shape& shape, std::span<const std::int64_t> index, DType dtype = DType::f32);

/// What Run takes: one value.
std::vector<Tensor> tensors(Tensor one);

struct BackwardOptions {
  /// One that reads values must be the program's, too.
  BackwardRule rule = BackwardRule::standard;
  /// For rules that ask for it, in any memory.
  InputBox box = {};
  /// Nodes whose gradients are wanted. Backward goes no further than these need.
  std::vector<NodeId> wrt = {};
  bool parameter_gradients = false;
  /// No backward will follow on this run: what forward saved is released as soon as it has been used.
  bool last = false;
};

struct Gradients {
  std::map<NodeId, Tensor> nodes;  ///< one per node asked for; zero where the target does not depend on it
  std::vector<Tensor> parameters;  ///< in the order of Network::parameters(); undefined where not trainable
};

/// Holds the values of one forward. The network must outlive the run and stay as it is meanwhile.
class Run {
 public:
  /// Runs forward; values lie in the context's memory. `values` are the program's given ones, in their order; one in
  /// the host's memory is copied there first. `seed` decides a training run's random numbers. Throws Error(usage)
  /// when a value is not of its type, when the network's parameters lie elsewhere or are of another type, or when the
  /// program was made for other instructions than the context's.
  Run(std::shared_ptr<const Program> program, Context& context, std::vector<Tensor> values,
      std::uint64_t seed = 0);
  /// The same for a network of one input, by a program of its own. Throws as Program does, too.
  Run(const Network& network, Context& context, Tensor input, ProgramOptions options = {},
      std::uint64_t seed = 0);

  const Program& program() const { return *program_; }
  /// A kept value. Throws Error(usage) for one that was released.
  const Tensor& value(NodeId node) const;
  /// The first output.
  const Tensor& output() const { return value(program_->options().outputs.front()); }
  const Shape& shape(NodeId node) const { return program_->shape(node); }

  /// Gradients of the sum of the seeds' targets. Standard backpropagation, but for the rule.
  /// Throws Error(usage) when forward was not told to prepare for what is asked.
  Gradients backward(std::span<const Seed> seeds, const BackwardOptions& options);
  Gradients backward(const Seed& seed, const BackwardOptions& options) {
    return backward({&seed, 1}, options);
  }

  /// A program for what follows `node` when its value is of another batch; the node must be one of this program's
  /// ProgramOptions::resume_at. Of use for every run like this one.
  std::shared_ptr<const Program> tail(NodeId node, std::int64_t batch, ProgramOptions options = {}) const;
  /// Goes on from there with another value. What else a tail reads, beside `node`, new row n takes from row `rows[n]` of
  /// this run; without rows the batches must be equal.
  Run resume(const std::shared_ptr<const Program>& tail, Tensor value,
             std::span<const std::int64_t> rows = {}) const;

  /// What each node saved, for Network::update_statistics; after the last backward only its statistics.
  std::span<const Saved> saved() const { return saved_; }

 private:
  void require_parameters() const;
  void parameters_of(const Node& node, PoolVector<const Tensor*>& all) const;
  /// Null for one that was released, and for one that was never computed.
  const Tensor* held(NodeId node) const { return values_[at(node)].defined() ? &values_[at(node)] : nullptr; }
  void forward();
  struct Operands;
  void layer_backward(NodeId id, const std::vector<bool>& wanted, PoolVector<Tensor>& dvalues,
                      std::vector<Tensor>& dparameters, const BackwardOptions& options, const InputBox* box,
                      Operands& operands);
  Tensor rows_of(const Tensor& value, std::span<const std::int64_t> rows) const;

  std::shared_ptr<const Program> program_;
  Context& context_;
  Mode mode_;
  PoolVector<Tensor> values_;
  PoolVector<Saved> saved_;
  bool consumed_ = false;
};

}  // namespace backlight
