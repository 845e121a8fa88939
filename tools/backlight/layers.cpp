// backlight layers: the nodes of a network, their shapes, and where Grad-CAM can look.
#include <CLI/CLI.hpp>
#include <memory>

#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

struct LayersOptions {
  NetworkOptions network;
  std::int64_t input_size = 0;
  bool json = false;
  Console console;
};

struct Subject {
  std::string name;
  ModelInfo info;
  Network network;
  std::vector<std::string> left_out = {};
};

/// The network of the weights, or the bare architecture with as many classes as its built-in labels: of the
/// network that explain takes, where none is named.
Subject subject_of(const LayersOptions& options, Console& console) {
  const NetworkOptions& from = options.network;
  if (!from.weights.empty()) {
    Model model = load_network(from, console);
    return {model.info.name, model.info, std::move(model.network), std::move(model.left_out)};
  }
  const ModelInfo& info = model_info(from.model.empty() ? kDefaultModel : from.model);
  const std::size_t labels = built_in_labels(info.labels).names.size();
  return {info.name, info, build_model(info.name, static_cast<std::int64_t>(labels > 0 ? labels : 1000))};
}

std::string kind_of(const Node& node) { return node.layer ? std::string(node.layer->kind()) : "input"; }

/// Presets whose default layer this node is.
std::vector<std::string> presets_at(const std::array<NodeId, kPresets.size()>& defaults, NodeId node) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kPresets.size(); ++i)
    if (defaults[i] == node) names.emplace_back(name_of(kPresets[i]));
  return names;
}

bool is_pooling(const Node& node) { return kind_of(node).ends_with("pool2d"); }

/// What makes this node a default, by its place before the head.
const char* reason_for(const Network& network, NodeId id) {
  if (is_pooling(network.node(id))) return "the pooling where the package looks";
  for (NodeId reader = id + 1; reader < network.size(); ++reader)
    if (is_pooling(network.node(reader)) && network.node(reader).inputs.front() == id)
      return "the activation that the head pools";
  return "the features below the classes' maps";
}

void run_layers(LayersOptions& options) {
  const Subject subject = subject_of(options, options.console);
  const Network& network = subject.network;
  const std::int64_t size =
      options.input_size > 0 ? options.input_size : subject.info.preprocessing.input_size;
  const Shape input{1, subject.info.preprocessing.channels, size, size};
  const std::vector<Shape> shapes = network.shapes(input);
  std::array<NodeId, kPresets.size()> defaults{};
  for (std::size_t i = 0; i < kPresets.size(); ++i)
    defaults[i] = network.find(default_layer(subject.info, kPresets[i]));

  Json nodes = Json::array();
  Table table({"name", "kind", "shape", "parameters", "Grad-CAM", "default of", "because it is"});
  table.align_right(3);
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network.node(id);
    const Shape& shape = shapes[static_cast<std::size_t>(id)];
    const std::string obstacle = grad_cam_obstacle(network, id, shapes);
    const std::vector<std::string> presets = presets_at(defaults, id);
    const char* reason = presets.empty() ? nullptr : reason_for(network, id);
    const std::int64_t parameters = network.parameter_count(id);
    table.add({node.name, kind_of(node), text(shape), parameters > 0 ? std::to_string(parameters) : "",
               obstacle.empty() ? "yes" : "no", joined(presets), reason ? reason : ""});
    nodes.push_back({{"name", node.name},
                     {"kind", kind_of(node)},
                     {"shape", shape.extents()},
                     {"parameters", parameters},
                     {"grad_cam", obstacle.empty()},
                     {"obstacle", obstacle.empty() ? Json() : Json(obstacle)},
                     {"default_of", presets},
                     {"default_reason", reason ? Json(reason) : Json()}});
  }
  if (options.json) {
    Json json = document("layers");
    json["architecture"] = subject.name;
    json["input_shape"] = input.extents();
    json["parameters"] = network.parameter_count();
    json["left_out"] = subject.left_out;
    json["layers"] = std::move(nodes);
    options.console.print(dump(json));
    return;
  }
  options.console.print(text(subject.name, " for an input of ", input, ", ", network.parameter_count(),
                             " parameters\n\n", table.str()));
}

constexpr const char* kLayersFooter = R"(Examples:
  backlight layers --model resnet50
  backlight layers --weights my-vgg.pth --input-size 448)";

}  // namespace

void add_layers_command(CLI::App& app) {
  auto options = std::make_shared<LayersOptions>();
  CLI::App& command = *app.add_subcommand(
      "layers", "List a network's layers: name, kind, shape, parameters, use for Grad-CAM");
  add_network_options(command, options->network);
  for (const char* of_a_file : {"--key", "--prefix", "--ignore-unused"})
    command.get_option(of_a_file)->needs("--weights");
  command
      .add_option("--input-size", options->input_size,
                  "Side of the input that shapes are given for [the network's]")
      ->check(CLI::Range(1, 16384))
      ->option_text("N");
  command.add_flag("--json", options->json, "Print JSON (see tools/README.md) instead of a table");
  options->console.add_options(command);
  command.footer(kLayersFooter);
  command.callback([options] { run_layers(*options); });
}

}  // namespace backlight::tools
