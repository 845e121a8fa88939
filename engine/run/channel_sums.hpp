// Where a layer's gradient, summed over positions, needs no backward to the layer: where what follows it only moves
// values and shares them out (pooling, dropout, flattening), p, until a linear layer or a 1×1 convolution, W:
//
//   z = W p(A) + b      Σ_ij ∂y/∂A[n,k,i,j] = Σ_o V[o,k] Σ_ij ∂y/∂z[n,o,i,j]
//   V[o,k] = Σ W[o,·] over the places that p(A) has for channel k; W itself where it has one
#pragma once

#include <optional>
#include <span>

#include "engine/graph/graph.hpp"

namespace backlight {

/// z for A, which must be N×K×h×w. Nothing where the layer is read twice, or by another layer.
std::optional<NodeId> product_behind(std::span<const Node> nodes, NodeId layer);

/// V, out×channels, in the context's memory, of a linear layer's weight; summed in double.
Tensor sums_by_channel(const Context& context, const Tensor& weight, std::int64_t channels);

}  // namespace backlight
