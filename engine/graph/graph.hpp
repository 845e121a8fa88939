// A graph: named inputs, layers in topological order, named outputs. Pure data: what is computed, never how.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/layer.hpp"

namespace backlight {

/// Position of a value in its graph: an input, or what a node computes.
using NodeId = int;
/// Where a node's value lies in an array of one for each.
constexpr std::size_t at(NodeId id) { return static_cast<std::size_t>(id); }

/// Takes the place of an extent that is decided when the graph is run.
inline constexpr std::int64_t kAnyExtent = -1;

/// What an input takes.
struct InputSpec {
  std::string name;
  std::vector<std::int64_t> extents;  ///< kAnyExtent where every positive number will do
  std::optional<DType> dtype = {};    ///< none: the type that the parameters have, float32 or float64
};

struct Node {
  std::string name;                              ///< PyTorch's module path, e.g. "layer1.0.conv1"
  std::shared_ptr<const Layer> layer = nullptr;  ///< null for an input
  std::vector<NodeId> inputs = {};
  std::vector<std::size_t> parameters = {};  ///< in Graph::parameters(), in the order of the layer's own
  /// Which of its layer's values this is. The others of a layer of several stand behind the first, with the same
  /// layer and inputs; their names end in ":1", ":2" …
  int output = 0;

  OpKind kind() const { return layer ? layer->kind() : OpKind::input; }
  /// Whether the layer is to be run for it: not for an input, and once for all values of a layer.
  bool computes() const { return layer && output == 0; }
};

/// A value that is not computed but brought, with its type.
struct Given {
  NodeId node = 0;
  TensorType type;

  friend bool operator==(const Given&, const Given&) = default;
};

/// A parameter under its full name, e.g. "layer1.0.conv1.weight", wherever in the graph it is used.
struct GraphParameter {
  std::string name;
  ParameterSpec spec;
  NodeId node = 0;  ///< the first that uses it
};

struct NamedOutput {
  std::string name;
  NodeId node = 0;
};

class Graph {
 public:
  /// Throws Error(usage) for a name that is taken or an extent that is neither positive nor kAnyExtent.
  NodeId add_input(InputSpec spec);

  /// Appends a node and gives the first of its values. With `weights_of` it computes with the parameters of that
  /// node, whose gradient is then the sum over both. Throws Error(usage) when the name is taken, an input does not
  /// exist, or that node's parameters have other shapes.
  NodeId add(std::string name, std::shared_ptr<const Layer> layer, std::vector<NodeId> inputs,
             std::optional<NodeId> weights_of = {});
  /// Names a value as an output. Without any the value added last is the only one, named "output".
  void add_output(std::string name, NodeId node);

  int size() const { return static_cast<int>(nodes_.size()); }
  const Node& node(NodeId id) const { return nodes_.at(static_cast<std::size_t>(id)); }
  /// The value added last.
  NodeId last() const { return size() - 1; }
  /// The first input.
  NodeId input() const { return 0; }
  std::span<const NodeId> inputs() const { return inputs_; }
  const InputSpec& input_spec(NodeId input) const;
  /// The first output.
  NodeId output() const { return outputs_.empty() ? last() : outputs_.front().node; }
  std::vector<NamedOutput> outputs() const;

  /// A node by its name, or a module by its path: "layer4" and "layer4.1" mean the last node below them,
  /// whose value is the module's output. "layer4[-1]" counts a module's children from the end, as Python
  /// would. Throws Error(usage) with the nearest names.
  NodeId find(std::string_view name) const;

  /// The type of every value that follows from those given, where the layers compute in `computed`. Throws
  /// Error(bad_input) naming the input or the node that refuses, Error(unsupported) for an input of a type that
  /// nothing computes in.
  std::vector<std::optional<TensorType>> types(std::span<const Given> given, DType computed) const;
  /// The shape of every value of a graph of one input.
  std::vector<Shape> shapes(const Shape& input) const;

  std::span<const Node> nodes() const { return nodes_; }

  const std::vector<GraphParameter>& parameters() const { return parameters_; }
  /// Number of elements in all trainable parameters.
  std::int64_t parameter_count() const;
  /// Number of elements in the trainable parameters that one node computes with.
  std::int64_t parameter_count(NodeId id) const;

 private:
  void require_free_name(const std::string& name) const;
  void require_fit(NodeId input, const TensorType& type) const;

  std::vector<Node> nodes_;
  std::vector<NodeId> inputs_;
  std::vector<InputSpec> specs_;  ///< one per input
  std::vector<NamedOutput> outputs_;
  std::vector<GraphParameter> parameters_;
};

/// How often each value is read by nodes.
std::vector<int> readers_of(std::span<const Node> nodes);
/// The node that reads a value where no other does, nor this one twice.
std::optional<NodeId> only_reader(std::span<const Node> nodes, NodeId id);
/// Which values one of `from` decides, those themselves among them.
std::vector<bool> decided_by(const Graph& graph, std::span<const NodeId> from);

}  // namespace backlight
