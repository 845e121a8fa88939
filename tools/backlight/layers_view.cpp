#include "tools/backlight/layers_view.hpp"

#include "engine/explain/explanation.hpp"
#include "engine/run/program.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

bool is_pooling(const Node& node) { return name_of(node.kind()).ends_with("pool2d"); }

/// What makes this node a default, by its place before the head.
const char* reason_for(const Network& network, NodeId id) {
  if (is_pooling(network.node(id))) return "the pooling where the package looks";
  for (NodeId reader = id + 1; reader < network.size(); ++reader)
    if (is_pooling(network.node(reader)) && network.node(reader).inputs.front() == id)
      return "the activation that the head pools";
  return "the features below the classes' maps";
}

std::string parameters_text(std::int64_t count) {
  return counted(static_cast<std::size_t>(count), "parameter");
}

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

Json json_of(const Attribute::Value& value) {
  return std::visit(Overloaded{[](const auto& scalar) { return Json(scalar); },
                               [](const Extent2d& e) {
                                 return Json::array({e.h, e.w});
                               },
                               [](const Padding2d& p) {
                                 return Json::array({p.top, p.bottom, p.left, p.right});
                               }},
                    value);
}

std::string text_of(const Attribute::Value& value) {
  return std::visit(
      Overloaded{[](const auto& other) { return text(other); },
                 [](bool yes) { return std::string(yes ? "yes" : "no"); },
                 [](const Padding2d& p) { return p == Padding2d(p.top) ? text(p.top) : text(p); }},
      value);
}

/// The kind, and every attribute that is not what it usually is.
std::string operation_text(const LayerView& layer) {
  std::string all = layer.kind;
  for (const Attribute& attribute : layer.attributes)
    if (attribute.value != attribute.usual) all += text(", ", attribute.name, " ", text_of(attribute.value));
  return all;
}

/// A string of Graphviz's language in which every line of text is shown as it is. Its escapes are JSON's once
/// control characters are gone; then it knows HTML's entities, too.
std::string dot_string(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) {
    const std::string quoted = Json(printable(line)).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (!out.empty()) out += "\\n";
    for (const char c : quoted.substr(1, quoted.size() - 2)) out += c == '&' ? "&amp;" : std::string(1, c);
  }
  return '"' + out + '"';
}

std::string dot_node(const NetworkView& view, const LayerView& layer) {
  std::vector<std::string> lines{layer.name, operation_text(layer), text(layer.shape)};
  std::string look;
  if (layer.parameters > 0) lines.push_back(parameters_text(layer.parameters));
  if (layer.fused_into) {
    lines.push_back("fused into " + view.layer(*layer.fused_into).name);
    look += ", color=gray50, fontcolor=gray40";
  }
  if (!layer.default_of.empty()) {
    lines.push_back("Grad-CAM's default: " + joined(layer.default_of));
    look += ", style=filled, fillcolor=orange";
  }
  if (layer.cam_features) {
    lines.emplace_back("CAM's features");
    look += ", peripheries=2";
  }
  return "[label=" + dot_string(lines) + look + "]";
}

}  // namespace

NetworkView view_of(const Network& network, const ModelInfo& info, const Shape& input,
                    std::vector<std::string> left_out) {
  const std::vector<Shape> shapes = network.shapes(input);
  NetworkView view{info.name, input, network.parameter_count(), std::move(left_out)};
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network.node(id);
    view.layers.push_back({.name = node.name,
                           .kind = std::string(name_of(node.kind())),
                           .attributes = node.layer ? node.layer->attributes() : std::vector<Attribute>{},
                           .inputs = node.inputs,
                           .shape = shapes[static_cast<std::size_t>(id)],
                           .parameters = network.parameter_count(id),
                           .obstacle = grad_cam_obstacle(network, id, shapes[static_cast<std::size_t>(id)])});
  }
  const auto layer = [&](NodeId id) -> LayerView& { return view.layers.at(static_cast<std::size_t>(id)); };
  for (const Preset preset : kPresets) {
    const NodeId id = network.find(info.default_layers.of(preset));
    layer(id).default_of.emplace_back(name_of(preset));
    layer(id).default_reason = reason_for(network, id);
  }
  if (const auto head = find_cam_head(network)) layer(head->features).cam_features = true;
  const Program program(network, Context({}, 1), std::vector<TensorType>{{network.dtype(), input}},
                        {.outputs = {score_node(network)}, .optimise = Optimisations::exact()});
  for (const Step& step : program.steps()) {
    if (step.value == step.node) continue;
    layer(step.node).fused_into = step.value;
    layer(network.node(step.value).inputs.front()).fused_into = step.value;  // itself, or the sum between
  }
  return view;
}

std::string layers_text(const NetworkView& view) {
  Table table(
      {"name", "kind", "shape", "parameters", "fused into", "Grad-CAM", "default of", "because it is"});
  table.align_right(3);
  for (const LayerView& layer : view.layers)
    table.add({layer.name, layer.kind, text(layer.shape),
               layer.parameters > 0 ? std::to_string(layer.parameters) : "",
               layer.fused_into ? view.layer(*layer.fused_into).name : "",
               layer.obstacle.empty() ? "yes" : "no", joined(layer.default_of), layer.default_reason});
  return text(view.architecture, " for an input of ", view.input, ", ", parameters_text(view.parameters),
              "\n\n", table.str());
}

Json layers_json(const NetworkView& view) {
  const auto or_null = [](const std::string& said) { return said.empty() ? Json() : Json(said); };
  Json json = document("layers");
  json["architecture"] = view.architecture;
  json["input_shape"] = view.input.extents();
  json["parameters"] = view.parameters;
  json["left_out"] = view.left_out;
  json["layers"] = Json::array();
  for (const LayerView& layer : view.layers) {
    Json attributes = Json::object(), inputs = Json::array();
    for (const Attribute& attribute : layer.attributes)
      attributes[std::string(attribute.name)] = json_of(attribute.value);
    for (const NodeId from : layer.inputs) inputs.push_back(view.layer(from).name);
    json["layers"].push_back(
        {{"name", layer.name},
         {"kind", layer.kind},
         {"attributes", std::move(attributes)},
         {"inputs", std::move(inputs)},
         {"shape", layer.shape.extents()},
         {"parameters", layer.parameters},
         {"fused_into", layer.fused_into ? Json(view.layer(*layer.fused_into).name) : Json()},
         {"grad_cam", layer.obstacle.empty()},
         {"obstacle", or_null(layer.obstacle)},
         {"default_of", layer.default_of},
         {"default_reason", or_null(layer.default_reason)},
         {"cam_features", layer.cam_features}});
  }
  return json;
}

std::string layers_dot(const NetworkView& view) {
  std::string out = text("digraph {\n  labelloc=t;\n  label=",
                         dot_string({text(view.architecture, " for an input of ", view.input),
                                     parameters_text(view.parameters)}),
                         ";\n  node [shape=box];\n");
  for (std::size_t id = 0; id < view.layers.size(); ++id) {
    out += text("  n", id, " ", dot_node(view, view.layers[id]), ";\n");
    for (const NodeId from : view.layers[id].inputs) out += text("  n", from, " -> n", id, ";\n");
  }
  return out + "}\n";
}

}  // namespace backlight::tools
