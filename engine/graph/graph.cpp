#include "engine/graph/graph.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/core/nearest.hpp"

namespace backlight {
namespace {

bool is_below(std::string_view name, std::string_view module) {
  return name.size() > module.size() + 1 && name.starts_with(module) && name[module.size()] == '.';
}

/// "N×3×H×W"; a picture's extents have letters, others are "any" behind the batch.
std::string text_of(const std::vector<std::int64_t>& extents) {
  std::string all;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (i > 0) all += "×";
    if (extents[i] != kAnyExtent)
      all += std::to_string(extents[i]);
    else if (extents.size() == 4)
      all += "NCHW"[i];
    else
      all += i == 0 ? "N" : "any";
  }
  return all;
}

}  // namespace

void Graph::require_free_name(const std::string& name) const {
  if (std::ranges::any_of(nodes_, [&](const Node& node) { return node.name == name; }))
    throw Error(ErrorKind::usage, "the network already has a node named '", name, "'");
}

NodeId Graph::add_input(InputSpec spec) {
  if (spec.name.empty()) throw Error(ErrorKind::usage, "an input needs a name");
  require_free_name(spec.name);
  for (const std::int64_t extent : spec.extents)
    if (extent < 1 && extent != kAnyExtent)
      throw Error(ErrorKind::usage, "input '", spec.name, "' has an extent of ", extent,
                  ", expected 1 or more, or kAnyExtent");
  nodes_.push_back({.name = spec.name});
  inputs_.push_back(last());
  specs_.push_back(std::move(spec));
  return last();
}

const InputSpec& Graph::input_spec(NodeId input) const {
  const auto found = std::ranges::find(inputs_, input);
  if (found == inputs_.end()) throw Error(ErrorKind::usage, "node ", input, " is no input");
  return specs_[static_cast<std::size_t>(found - inputs_.begin())];
}

NodeId Graph::add(std::string name, std::shared_ptr<const Layer> layer, std::vector<NodeId> inputs,
                  std::optional<NodeId> weights_of) {
  if (name.empty() || !layer) throw Error(ErrorKind::usage, "a node needs a name and a layer");
  require_free_name(name);
  for (const NodeId input : inputs)
    if (input < 0 || input >= size())
      throw Error(ErrorKind::usage, "node '", name, "' reads node ", input, ", but only ", size(), " exist");

  Node node{.name = name, .layer = std::move(layer), .inputs = std::move(inputs)};
  std::vector<ParameterSpec> specs = node.layer->parameters();
  if (weights_of) {
    const Node& owner = this->node(*weights_of);
    node.parameters = owner.parameters;
    bool same = specs.size() == owner.parameters.size();
    for (std::size_t i = 0; same && i < specs.size(); ++i)
      same = specs[i].shape == parameters_[owner.parameters[i]].spec.shape;
    if (!same)
      throw Error(ErrorKind::usage, "node '", name, "' cannot compute with the weights of '", owner.name,
                  "': its own have other shapes");
  } else {
    for (ParameterSpec& spec : specs) {
      node.parameters.push_back(parameters_.size());
      std::string full_name = name + "." + spec.name;
      parameters_.push_back({std::move(full_name), std::move(spec), size()});
    }
  }
  const NodeId first = size();
  const int count = node.layer->output_count();
  nodes_.push_back(node);
  node.parameters.clear();
  for (node.output = 1; node.output < count; ++node.output) {
    node.name = name + ":" + std::to_string(node.output);
    nodes_.push_back(node);
  }
  return first;
}

void Graph::add_output(std::string name, NodeId node) {
  if (node < 0 || node >= size())
    throw Error(ErrorKind::usage, "output '", name, "' is node ", node, ", but only ", size(), " exist");
  if (std::ranges::any_of(outputs_, [&](const NamedOutput& output) { return output.name == name; }))
    throw Error(ErrorKind::usage, "the network already has an output named '", name, "'");
  outputs_.push_back({std::move(name), node});
}

std::vector<NamedOutput> Graph::outputs() const {
  return outputs_.empty() ? std::vector<NamedOutput>{{"output", last()}} : outputs_;
}

NodeId Graph::find(std::string_view name) const {
  std::string path(name);
  // "layer4[-1]": the children of a module are numbered, so a negative index counts from the largest number.
  for (std::size_t open = path.find('['); open != std::string::npos; open = path.find('[')) {
    const std::size_t close = path.find(']', open);
    int number = 0;
    const char* begin = path.data() + open + 1;
    const char* end = path.data() + std::min(close, path.size());
    if (close == std::string::npos) break;
    const auto [stop, code] = std::from_chars(begin, end, number);
    if (code != std::errc{} || stop != end) break;
    const std::string module = path.substr(0, open);
    std::int64_t index = number;
    if (number < 0) {
      int largest = -1;
      for (const Node& node : nodes_) {
        if (!is_below(node.name, module)) continue;
        int child = -1;
        const char* digits = node.name.data() + module.size() + 1;
        std::from_chars(digits, node.name.data() + node.name.size(), child);
        largest = std::max(largest, child);
      }
      index += std::int64_t{largest} + 1;
    }
    path = module + "." + std::to_string(index) + path.substr(close + 1);
  }

  for (NodeId id = 0; id < size(); ++id)
    if (node(id).name == path) return id;
  for (NodeId id = last(); id >= 0; --id)
    if (is_below(node(id).name, path)) return id;

  std::set<std::string> names;  // nodes, and the modules above them
  for (const Node& node : nodes_)
    for (std::size_t dot = 0; dot != std::string::npos;)
      names.insert(node.name.substr(0, dot = node.name.find('.', dot + 1)));
  throw Error(ErrorKind::usage, "the network has no layer '", name, "'",
              did_you_mean(name, std::vector(names.begin(), names.end())));
}

void Graph::require_fit(NodeId input, const TensorType& type) const {
  const InputSpec& spec = input_spec(input);
  const auto extents = type.shape.extents();
  bool fits = extents.size() == spec.extents.size() && type.shape.numel() > 0;
  for (std::size_t i = 0; fits && i < extents.size(); ++i)
    fits = spec.extents[i] == kAnyExtent || spec.extents[i] == extents[i];
  const std::string name =
      inputs_.size() == 1 ? "the network's input" : "the network's input '" + spec.name + "'";
  if (!fits)
    throw Error(ErrorKind::bad_input, name, " is ", type.shape, ", expected ", text_of(spec.extents),
                " without an empty extent");
  if (!spec.dtype)
    require_computed(type.dtype, name);
  else if (*spec.dtype != type.dtype)
    throw Error(ErrorKind::bad_input, name, " is ", type.dtype, ", expected ", *spec.dtype);
}

std::vector<std::optional<TensorType>> Graph::types(std::span<const Given> given, DType computed) const {
  std::vector<std::optional<TensorType>> types(nodes_.size());
  std::string said;
  for (const Given& value : given) {
    if (node(value.node).kind() == OpKind::input) require_fit(value.node, value.type);
    types[at(value.node)] = value.type;
    said += text(said.empty() ? "" : ", ", value.type.shape);
  }
  std::vector<TensorType> x;
  for (NodeId id = 0; id < size(); ++id) {
    const Node& node = this->node(id);
    if (!node.computes() || types[at(id)]) continue;
    x.clear();
    for (const NodeId from : node.inputs)
      if (const auto& type = types[at(from)]) x.push_back(*type);
    if (x.size() < node.inputs.size()) continue;
    try {
      std::ranges::copy(node.layer->infer(x, computed), types.begin() + id);
    } catch (const Error& error) {
      throw Error(error.kind(), node.name, ": ", error.what(), " (network input ", said, ")");
    }
  }
  return types;
}

std::vector<Shape> Graph::shapes(const Shape& input) const {
  const Given given{this->input(), {DType::f32, input}};
  std::vector<Shape> shapes;
  for (const auto& type : types({&given, 1}, DType::f32)) shapes.push_back(type.value().shape);
  return shapes;
}

std::vector<int> readers_of(std::span<const Node> nodes) {
  std::vector<int> readers(nodes.size(), 0);
  for (const Node& node : nodes)
    if (node.computes())
      for (const NodeId from : node.inputs) ++readers[at(from)];
  return readers;
}

std::optional<NodeId> only_reader(std::span<const Node> nodes, NodeId id) {
  std::optional<NodeId> found;
  for (NodeId reader = id + 1; reader < static_cast<NodeId>(nodes.size()); ++reader) {
    if (!nodes[at(reader)].computes()) continue;
    for (const NodeId from : nodes[at(reader)].inputs) {
      if (from != id) continue;
      if (found) return std::nullopt;
      found = reader;
    }
  }
  return found;
}

std::vector<bool> decided_by(const Graph& graph, std::span<const NodeId> from) {
  std::vector<bool> decided(at(graph.size()), false);
  for (const NodeId id : from) decided[at(id)] = true;
  for (NodeId id = 0; id < graph.size(); ++id)
    for (const NodeId input : graph.node(id).inputs)
      if (decided[at(input)]) decided[at(id)] = true;
  return decided;
}

std::int64_t Graph::parameter_count(NodeId id) const {
  std::int64_t count = 0;
  for (const std::size_t i : node(id).parameters)
    if (parameters_[i].spec.trainable) count += parameters_[i].spec.shape.numel();
  return count;
}

std::int64_t Graph::parameter_count() const {
  std::int64_t count = 0;
  for (const GraphParameter& p : parameters_)
    if (p.spec.trainable) count += p.spec.shape.numel();
  return count;
}

}  // namespace backlight
