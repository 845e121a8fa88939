// Batch norm of running statistics as part of the convolution before it.
//
//   bn(w∗x + b) = γ·(w∗x + b − μ)/√(σ² + ε) + β = (s·w)∗x + s·(b − μ) + β,   s = γ/√(σ² + ε) per channel
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/graph/graph.hpp"
#include "engine/graph/weights.hpp"

namespace backlight {

/// The batch norms that can be folded: those that alone read a convolution whose value is not `kept`.
std::vector<NodeId> find_folds(std::span<const Node> nodes, const std::vector<bool>& kept);

/// A convolution with a bias, in the context's memory, that computes what the two computed.
struct FoldedConv2d {
  std::shared_ptr<const Layer> layer;
  Tensor weight, bias;
};
FoldedConv2d fold_batch_norm(const Context& context, const Node& convolution, const Node& batch_norm,
                             const Weights& weights);

}  // namespace backlight
