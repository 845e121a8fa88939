#include "engine/graph/fusion.hpp"

namespace backlight {

std::map<NodeId, Fusion> find_fusions(std::span<const Node> nodes, const std::vector<bool>& kept) {
  const std::vector<int> readers = readers_of(nodes);
  const auto node = [&](NodeId id) -> const Node& { return nodes[static_cast<std::size_t>(id)]; };
  const auto vanishes = [&](NodeId id) {
    const auto i = static_cast<std::size_t>(id);
    return node(id).computes() && !kept[i] && readers[i] == 1;
  };
  const auto produces = [&](NodeId id) { return vanishes(id) && node(id).layer->takes_epilogue(); };

  std::map<NodeId, Fusion> fusions;
  for (NodeId id = 0; id < static_cast<NodeId>(nodes.size()); ++id) {
    if (!node(id).computes() || !node(id).layer->relu_upper()) continue;
    const NodeId from = node(id).inputs.front();
    if (produces(from)) {
      fusions[id] = {.producer = from};
    } else if (vanishes(from) && node(from).kind() == OpKind::add) {
      const std::vector<NodeId>& terms = node(from).inputs;
      for (const bool second : {false, true})
        if (produces(terms[second])) {
          fusions[id] = {.producer = terms[second], .add = from, .residual = terms[!second]};
          break;
        }
    }
  }
  return fusions;
}

}  // namespace backlight
