// Input gradients of one network in two types or on two devices that take the same decisions.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "engine/run/run.hpp"

namespace backlight::test {

/// A network with one forward pass, in the type and on the device given.
class DecidedRun {
 public:
  DecidedRun(Network network, const Tensor& x, Context where, DType dtype)
      : context_(std::move(where)), dtype_(dtype), network_(std::move(network)) {
    network_.to(dtype);
    network_.to(context_);
    ProgramOptions options{.gradients_at = {network_.input()}};
    for (NodeId id = 1; id < network_.size(); ++id)
      if (network_.node(id).layer->relu_upper()) options.keep.push_back(id);
    run_.emplace(network_, context_, x.to(dtype), options);
  }

  /// Puts in place what decides in another's backward: the outputs of its ReLUs and where its maxima lie.
  /// Both gradients are then of the same linear function.
  void take_decisions(const DecidedRun& other) {
    for (NodeId id = 1; id < network_.size(); ++id) {
      const Layer& layer = *network_.node(id).layer;
      if (layer.relu_upper())
        context_.copy(other.context_.to_host(other.run_->value(id)).to(dtype_),
                      const_cast<Tensor&>(run_->value(id)));
      if (layer.kind() != OpKind::max_pool2d) continue;
      const auto at = static_cast<std::size_t>(id);
      context_.copy(other.context_.to_host(other.run_->saved()[at].indices),
                    const_cast<Tensor&>(run_->saved()[at].indices));
    }
  }

  /// With respect to the input, in the host's memory.
  Tensor gradient(std::int64_t target, BackwardRule rule) {
    const Seed seed = one_hot(network_.output(), run_->shape(network_.output()), {&target, 1}, dtype_);
    const Gradients gradients = run_->backward(seed, {.rule = rule, .wrt = {network_.input()}});
    return context_.to_host(gradients.nodes.at(network_.input()));
  }

 private:
  Context context_;
  DType dtype_;
  Network network_;
  std::optional<Run> run_;
};

}  // namespace backlight::test
