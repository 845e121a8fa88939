#include "engine/graph/network.hpp"

#include <algorithm>

#include "engine/core/nearest.hpp"

namespace backlight {

Network::Network(std::int64_t channels, std::string input_name)
    : Network(
          std::vector<InputSpec>{{std::move(input_name), {kAnyExtent, channels, kAnyExtent, kAnyExtent}}}) {}

Network::Network(std::vector<InputSpec> inputs) {
  if (inputs.empty()) throw Error(ErrorKind::usage, "a network needs an input");
  for (InputSpec& spec : inputs) add_input(std::move(spec));
}

NodeId Network::add(std::string name, std::unique_ptr<Layer> layer, std::vector<NodeId> inputs,
                    std::optional<NodeId> weights_of) {
  const NodeId id = Graph::add(std::move(name), std::move(layer), std::move(inputs), weights_of);
  for (std::size_t i = weights_.size(); i < Graph::parameters().size(); ++i) {
    const ParameterSpec& spec = Graph::parameters()[i].spec;
    Tensor values = Tensor::zeros(spec.shape);
    if (spec.initial != 0) values.fill(spec.initial);
    weights_.add(std::move(values));
  }
  return id;
}

Network Network::with(std::string_view parameter, Tensor values) const {
  const std::vector<GraphParameter>& all = Graph::parameters();
  const auto found = std::ranges::find(all, parameter, &GraphParameter::name);
  if (found == all.end()) {
    std::vector<std::string> names;
    for (const GraphParameter& p : all) names.push_back(p.name);
    throw Error(ErrorKind::usage, "the network has no parameter '", parameter, "'",
                did_you_mean(parameter, names));
  }
  const auto i = static_cast<std::size_t>(found - all.begin());
  if (values.shape() != weights_[i].shape() || values.dtype() != weights_[i].dtype())
    throw Error(ErrorKind::usage, "the network's parameter '", parameter, "' is ", weights_[i].dtype(), " ",
                weights_[i].shape(), ", but its new values are ", values.dtype(), " ", values.shape());
  Network other = *this;
  other.weights_.replace(i, std::move(values));
  return other;
}

std::vector<NamedParameter> Network::parameters() {
  std::vector<NamedParameter> all;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const GraphParameter& p = Graph::parameters()[i];
    all.push_back({p.name, &weights_.own(i), p.spec.trainable, p.node});
  }
  return all;
}

std::vector<ConstNamedParameter> Network::parameters() const {
  std::vector<ConstNamedParameter> all;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const GraphParameter& p = Graph::parameters()[i];
    all.push_back({p.name, &weights_[i], p.spec.trainable, p.node});
  }
  return all;
}

DType Network::dtype() const { return weights_.size() == 0 ? DType::f32 : weights_[0].dtype(); }

void Network::to(DType dtype) {
  require_computed(dtype, "the type asked for a network's parameters");
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_.replace(i, weights_[i].to(dtype));
}

void Network::to(const Context& context) {
  std::vector<Tensor> copies;
  for (std::size_t i = 0; i < weights_.size(); ++i)
    copies.push_back(context.holds(weights_[i]) ? Tensor() : context.share(weights_[i]));
  context.synchronize();
  for (std::size_t i = 0; i < copies.size(); ++i)
    if (copies[i].defined()) weights_.replace(i, std::move(copies[i]));
}

void Network::update_statistics(Context& context, std::span<const Saved> saved) {
  for (NodeId id = 0; id < size(); ++id) {
    const Saved& observed = saved[static_cast<std::size_t>(id)];
    if (observed.statistics.empty()) continue;
    std::vector<Tensor*> w;
    for (const std::size_t i : node(id).parameters) w.push_back(&weights_.own(i));
    node(id).layer->update_statistics(context, observed, w);
  }
}

}  // namespace backlight
