#include "engine/graph/network.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/core/nearest.hpp"

namespace backlight {
namespace {

bool is_below(std::string_view name, std::string_view module) {
  return name.size() > module.size() + 1 && name.starts_with(module) && name[module.size()] == '.';
}

}  // namespace

Network::Network(std::int64_t channels, std::string input_name) : channels_(channels) {
  nodes_.push_back({std::move(input_name), nullptr, {}});
}

NodeId Network::add(std::string name, std::unique_ptr<Layer> layer, std::vector<NodeId> inputs) {
  if (name.empty() || !layer) throw Error(ErrorKind::usage, "a node needs a name and a layer");
  if (std::ranges::any_of(nodes_, [&](const Node& node) { return node.name == name; }))
    throw Error(ErrorKind::usage, "the network already has a node named '", name, "'");
  for (const NodeId input : inputs)
    if (input < 0 || input >= size())
      throw Error(ErrorKind::usage, "node '", name, "' reads node ", input, ", but only ", size(), " exist");
  layers_.push_back(std::move(layer));
  nodes_.push_back({std::move(name), layers_.back().get(), std::move(inputs)});
  return output();
}

NodeId Network::find(std::string_view name) const {
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
  for (NodeId id = output(); id >= 0; --id)
    if (is_below(node(id).name, path)) return id;

  std::set<std::string> names;  // nodes, and the modules above them
  for (const Node& node : nodes_)
    for (std::size_t dot = 0; dot != std::string::npos;)
      names.insert(node.name.substr(0, dot = node.name.find('.', dot + 1)));
  throw Error(ErrorKind::usage, "the network has no layer '", name, "'",
              did_you_mean(name, std::vector(names.begin(), names.end())));
}

std::vector<Shape> Network::shapes(const Shape& input) const {
  if (input.rank() != 4 || input[1] != channels_ || input.numel() == 0)
    throw Error(ErrorKind::bad_input, "the network's input is ", input, ", expected N×", channels_,
                "×H×W without an empty extent");
  std::vector<Shape> shapes{input};
  std::vector<Shape> x;
  for (NodeId id = 1; id < size(); ++id) {
    x.clear();
    for (const NodeId from : node(id).inputs) x.push_back(shapes[static_cast<std::size_t>(from)]);
    try {
      shapes.push_back(node(id).layer->output_shape(x));
    } catch (const Error& error) {
      throw Error(error.kind(), node(id).name, ": ", error.what(), " (network input ", input, ")");
    }
  }
  return shapes;
}

std::vector<int> Network::readers() const {
  std::vector<int> readers(nodes_.size(), 0);
  for (const Node& node : nodes_)
    for (const NodeId from : node.inputs) ++readers[static_cast<std::size_t>(from)];
  return readers;
}

std::vector<NamedParameter> Network::parameters() {
  std::vector<NamedParameter> all;
  for (NodeId id = 1; id < size(); ++id)
    for (const Parameter& p : layers_[static_cast<std::size_t>(id) - 1]->parameters())
      all.push_back({{node(id).name + "." + p.name, p.tensor, p.trainable}, id});
  return all;
}

std::vector<ConstNamedParameter> Network::parameters() const {
  std::vector<ConstNamedParameter> all;
  for (NodeId id = 1; id < size(); ++id)
    for (const ConstParameter& p : node(id).layer->parameters())
      all.push_back({{node(id).name + "." + p.name, p.tensor, p.trainable}, id});
  return all;
}

std::int64_t Network::parameter_count(NodeId id) const {
  std::int64_t count = 0;
  if (const Layer* layer = node(id).layer)
    for (const ConstParameter& p : layer->parameters())
      if (p.trainable) count += p.tensor->numel();
  return count;
}

std::int64_t Network::parameter_count() const {
  std::int64_t count = 0;
  for (NodeId id = 0; id < size(); ++id) count += parameter_count(id);
  return count;
}

void Network::to(DType dtype) {
  require_computed(dtype, "the type asked for a network's parameters");
  for (NamedParameter& p : parameters()) *p.tensor = p.tensor->to(dtype);
}

void Network::to(const Context& context) {
  const std::vector<NamedParameter> all = parameters();
  std::vector<Tensor> copies;
  for (const NamedParameter& p : all)
    copies.push_back(context.holds(*p.tensor) ? Tensor() : context.share(*p.tensor));
  context.synchronize();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (copies[i].defined()) *all[i].tensor = std::move(copies[i]);
}

void Network::update_statistics(Context& context, std::span<const Saved> saved) {
  for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i]->update_statistics(context, saved[i + 1]);
}

}  // namespace backlight
