// A network: layers in topological order with named inputs. It is built once and then only read.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/layer.hpp"

namespace backlight {

/// Position of a node in its network.
using NodeId = int;

struct Node {
  std::string name;              ///< PyTorch's module path, e.g. "layer1.0.conv1"
  const Layer* layer = nullptr;  ///< null for the input
  std::vector<NodeId> inputs;
};

/// A parameter under its full name, e.g. "layer1.0.conv1.weight".
template <class T>
struct BasicNamedParameter : BasicParameter<T> {
  NodeId node = 0;
};
using NamedParameter = BasicNamedParameter<Tensor>;
using ConstNamedParameter = BasicNamedParameter<const Tensor>;

class Network {
 public:
  /// A network with one input, of N×`channels`×H×W.
  explicit Network(std::int64_t channels = 3, std::string input_name = "input");

  NodeId input() const { return 0; }
  /// The node that was added last.
  NodeId output() const { return static_cast<NodeId>(nodes_.size()) - 1; }

  /// Appends a node. Throws Error(usage) when the name is taken or an input does not exist.
  NodeId add(std::string name, std::unique_ptr<Layer> layer, std::vector<NodeId> inputs);
  /// Appends a node that reads the node added last.
  NodeId add(std::string name, std::unique_ptr<Layer> layer) {
    return add(std::move(name), std::move(layer), {output()});
  }

  int size() const { return static_cast<int>(nodes_.size()); }
  const Node& node(NodeId id) const { return nodes_.at(static_cast<std::size_t>(id)); }

  /// A node by its name, or a module by its path: "layer4" and "layer4.1" mean the last node below them,
  /// whose value is the module's output. "layer4[-1]" counts a module's children from the end, as Python
  /// would. Throws Error(usage) with the nearest names.
  NodeId find(std::string_view name) const;

  /// The shape of every node's value for an input of N×C×H×W. Throws Error(bad_input) naming the node that
  /// refuses.
  std::vector<Shape> shapes(const Shape& input) const;

  /// How often each node's value is read by others, by NodeId.
  std::vector<int> readers() const;

  /// Every parameter, node by node. Writing to one changes the network for every pass.
  std::vector<NamedParameter> parameters();
  std::vector<ConstNamedParameter> parameters() const;
  /// Number of elements in all trainable parameters.
  std::int64_t parameter_count() const;
  /// Number of elements in the trainable parameters of one node.
  std::int64_t parameter_count(NodeId id) const;
  /// Converts every parameter, which must lie in the host's memory. Throws Error(unsupported) for a type other
  /// than float32 and float64.
  void to(DType dtype);
  /// Copies every parameter into the memory of the context's device, where every context on that device can
  /// use it, or back to the host's. Waits until they are there; changes none where that fails.
  void to(const Context& context);
  /// After a training pass: batch norm takes over the statistics that `saved`, one per node, observed.
  void update_statistics(Context& context, std::span<const Saved> saved);

 private:
  std::int64_t channels_;
  std::vector<std::unique_ptr<Layer>> layers_;  ///< node i + 1 has layer i
  std::vector<Node> nodes_;
};

}  // namespace backlight
