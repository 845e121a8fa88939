// backlight layers: the nodes of a network, their shapes, and where Grad-CAM can look.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/layers_view.hpp"

namespace backlight::tools {
namespace {

enum class LayersFormat { text, json, dot };
constexpr std::array<std::pair<std::string_view, LayersFormat>, 3> kLayersFormats{
    {{"text", LayersFormat::text}, {"json", LayersFormat::json}, {"dot", LayersFormat::dot}}};

struct LayersOptions {
  NetworkOptions network;
  std::int64_t input_size = 0;
  std::optional<std::string> format;
  bool json = false;
  Console console;
};

LayersFormat format_of(const LayersOptions& options) {
  if (!options.format) return options.json ? LayersFormat::json : LayersFormat::text;
  const LayersFormat format = parse_choice("format", *options.format, kLayersFormats);
  if (options.json && format != LayersFormat::json)
    throw Error(ErrorKind::usage, "--json and --format ", *options.format,
                " contradict each other: leave out one");
  return format;
}

void run_layers(LayersOptions& options) {
  const LayersFormat format = format_of(options);
  BareModel subject = load_or_build_network(options.network, options.console);
  const Preprocessing& preprocessing = subject.info.preprocessing;
  const std::int64_t size = options.input_size > 0 ? options.input_size : preprocessing.input_size;
  const NetworkView view = view_of(subject.network, subject.info, {1, preprocessing.channels, size, size},
                                   std::move(subject.left_out));
  options.console.print(format == LayersFormat::json  ? dump(layers_json(view))
                        : format == LayersFormat::dot ? layers_dot(view)
                                                      : layers_text(view));
}

constexpr const char* kLayersFooter = R"(Examples:
  backlight layers --model resnet50
  backlight layers --weights my-vgg.pth --input-size 448
  backlight layers --model resnet18 --format dot | dot -Tsvg > resnet18.svg)";

}  // namespace

void add_layers_command(CLI::App& app) {
  auto options = std::make_shared<LayersOptions>();
  CLI::App& command = *app.add_subcommand(
      "layers",
      "List a network's layers: name, kind, shape, parameters, use for Grad-CAM, as a table or a graph");
  add_network_options(command, options->network);
  for (const char* of_a_file : {"--key", "--prefix", "--ignore-unused"})
    command.get_option(of_a_file)->needs("--weights");
  command
      .add_option("--input-size", options->input_size,
                  "Side of the input that shapes are given for [the network's]")
      ->check(CLI::Range(1, 16384))
      ->option_text("N");
  command
      .add_option(
          "--format", options->format,
          "What to print: text (a table), json (see tools/README.md), dot (a graph for Graphviz) [text]")
      ->type_name("NAME");
  command.add_flag("--json", options->json, "The same as --format json");
  options->console.add_options(command);
  command.footer(kLayersFooter);
  command.callback([options] { run_layers(*options); });
}

}  // namespace backlight::tools
