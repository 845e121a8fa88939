// A network: a graph and the weights that it computes with.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/graph/graph.hpp"
#include "engine/graph/weights.hpp"

namespace backlight {

/// A parameter under its full name, e.g. "layer1.0.conv1.weight", to be written or only to be read.
template <class T>
struct BasicNamedParameter {
  std::string name;
  T* tensor = nullptr;
  bool trainable = true;  ///< false for running statistics
  NodeId node = 0;        ///< the first that uses it
};
using NamedParameter = BasicNamedParameter<Tensor>;
using ConstNamedParameter = BasicNamedParameter<const Tensor>;

/// A copy shares the weights until one of the two writes to them.
class Network : public Graph {
 public:
  /// With one input, of N×`channels`×H×W.
  explicit Network(std::int64_t channels = 3, std::string input_name = "input");
  explicit Network(std::vector<InputSpec> inputs);

  /// As Graph::add; the parameters have their initial values.
  NodeId add(std::string name, std::unique_ptr<Layer> layer, std::vector<NodeId> inputs,
             std::optional<NodeId> weights_of = {});
  /// Appends a node that reads the value added last.
  NodeId add(std::string name, std::unique_ptr<Layer> layer) {
    return add(std::move(name), std::move(layer), {last()});
  }

  const Weights& weights() const { return weights_; }
  /// The same graph with one parameter's values replaced; all others are shared. Throws Error(usage) for a name that
  /// no parameter has or another shape or type.
  Network with(std::string_view parameter, Tensor values) const;

  /// Every parameter, node by node. Writing to one changes the network for every run.
  std::vector<NamedParameter> parameters();
  std::vector<ConstNamedParameter> parameters() const;
  /// In what the parameters are computed; float32 without any.
  DType dtype() const;
  /// Converts every parameter, which must lie in the host's memory. Throws Error(unsupported) for a type other
  /// than float32 and float64.
  void to(DType dtype);
  /// Copies every parameter into the memory of the context's device, where every context on that device can
  /// use it, or back to the host's. Waits until they are there; changes none where that fails.
  void to(const Context& context);
  /// After a training run: batch norm takes over the statistics that `saved`, one per node, observed.
  void update_statistics(Context& context, std::span<const Saved> saved);

 private:
  Weights weights_;
};

}  // namespace backlight
