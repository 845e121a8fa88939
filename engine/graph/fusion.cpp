#include "engine/graph/fusion.hpp"

namespace backlight {

std::map<NodeId, Fusion> find_fusions(const Network& network, const std::vector<bool>& kept,
                                      const std::vector<int>& readers) {
  const auto vanishes = [&](NodeId id) {
    const auto i = static_cast<std::size_t>(id);
    return id != network.input() && !kept[i] && readers[i] == 1;
  };
  const auto produces = [&](NodeId id) { return vanishes(id) && network.node(id).layer->takes_epilogue(); };

  std::map<NodeId, Fusion> fusions;
  for (NodeId id = 1; id < network.size(); ++id) {
    if (!network.node(id).layer->relu_upper()) continue;
    const NodeId from = network.node(id).inputs.front();
    if (produces(from)) {
      fusions[id] = {.producer = from};
    } else if (vanishes(from) && network.node(from).layer->kind() == "add") {
      const std::vector<NodeId>& terms = network.node(from).inputs;
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
