// Which nodes can be computed in one pass over memory.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "engine/graph/graph.hpp"

namespace backlight {

/// y = relu(producer(x) + residual), computed when the ReLU's turn comes.
struct Fusion {
  NodeId producer = 0;
  std::optional<NodeId> add = {};       ///< the node of the sum, where there is one
  std::optional<NodeId> residual = {};  ///< its other term
};

/// The ReLUs to compute together with what they read, by their node. What lies between must be needed by
/// nobody else: `kept` tells which values are.
std::map<NodeId, Fusion> find_fusions(std::span<const Node> nodes, const std::vector<bool>& kept);

}  // namespace backlight
