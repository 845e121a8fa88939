// What there is to say of a network's layers, as a table, as JSON and in Graphviz's language.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/registry.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

struct LayerView {
  std::string name, kind;
  std::vector<Attribute> attributes = {};
  std::vector<NodeId> inputs = {};
  Shape shape = {};
  std::int64_t parameters = 0;
  /// The ReLU that computes this layer in the same pass over memory, where only the scores are asked for.
  std::optional<NodeId> fused_into = {};
  std::string obstacle = {};  ///< why Grad-CAM cannot look here; empty where it can
  std::vector<std::string> default_of = {};
  std::string default_reason = {};
  bool cam_features = false;
};

struct NetworkView {
  std::string architecture;
  Shape input = {};
  std::int64_t parameters = 0;
  std::vector<std::string> left_out = {};
  std::vector<LayerView> layers = {};  ///< by NodeId

  const LayerView& layer(NodeId id) const { return layers.at(static_cast<std::size_t>(id)); }
};

/// `left_out`: tensors of the file that the network does not have.
NetworkView view_of(const Network& network, const ModelInfo& info, const Shape& input,
                    std::vector<std::string> left_out);

std::string layers_text(const NetworkView& view);
Json layers_json(const NetworkView& view);
/// A node per layer, an edge per value that another one reads.
std::string layers_dot(const NetworkView& view);

}  // namespace backlight::tools
