// backlight methods: what explain can be asked for, and what each method needs and costs.
#include "engine/explain/methods.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

struct MethodsOptions {
  bool json = false;
  Console console;
};

std::vector<std::string> preset_names(const Method& method) {
  std::vector<std::string> names;
  for (const Preset preset : method.presets) names.emplace_back(name_of(preset));
  return names;
}

std::string needs_text(const Method::Needs& needs) {
  std::vector<std::string> all;
  if (needs.layer) all.emplace_back("a layer");
  if (needs.cam_head) all.emplace_back("a head of one layer");
  if (needs.input_gradient) all.emplace_back("the input's gradient");
  return all.empty() ? "the picture" : joined(all);
}

std::string methods_text() {
  Table table({"method", "needs", "costs", "counterfactual", "presets", "paper"});
  for (const Method& method : methods())
    table.add(
        {std::string(method.name), needs_text(method.needs),
         text(counted(static_cast<std::size_t>(method.forwards), "forward"),
              method.backwards > 0 ? ", " + counted(static_cast<std::size_t>(method.backwards), "backward")
                                   : "",
              method.tails.empty() ? "" : text(", 1 tail per ", method.tails),
              method.passes.empty() ? "" : text(", 1 forward per ", method.passes)),
         method.counterfactual ? "yes" : "no",
         std::ranges::equal(method.presets, kPresets) ? "all" : joined(preset_names(method)),
         std::string(method.paper)});
  return table.str() + R"(
One forward of a picture serves all methods and classes; a backward is for one class, and what methods
share is computed once. A tail is a forward from the layer on, for one class; forwards per channel or window are of the
picture, changed, for all classes. A head of one layer: global average pooling and one linear layer, or one 1×1
convolution and the pooling, end the network. `backlight explain` says where methods are the same for a network.
)";
}

Json methods_json() {
  Json json = document("methods");
  json["methods"] = Json::array();
  for (const Method& method : methods())
    json["methods"].push_back({{"name", method.name},
                               {"summary", method.summary},
                               {"paper", method.paper},
                               {"needs",
                                {{"layer", method.needs.layer},
                                 {"cam_head", method.needs.cam_head},
                                 {"input_gradient", method.needs.input_gradient}}},
                               {"forwards", method.forwards},
                               {"backwards", method.backwards},
                               {"tails", method.tails.empty() ? Json() : Json(method.tails)},
                               {"passes", method.passes.empty() ? Json() : Json(method.passes)},
                               {"counterfactual", method.counterfactual},
                               {"class_dependent", method.class_dependent},
                               {"eigen_smooth", method.smoothable},
                               {"presets", preset_names(method)}});
  return json;
}

constexpr const char* kMethodsFooter = R"(Examples:
  backlight methods
  backlight explain photo.jpg --method grad-cam,guided-grad-cam)";

}  // namespace

void add_methods_command(CLI::App& app) {
  auto options = std::make_shared<MethodsOptions>();
  CLI::App& command =
      *app.add_subcommand("methods", "List the methods of explain: needs, costs, presets, papers");
  command.add_flag("--json", options->json, "Print JSON (see tools/README.md) instead of a table");
  options->console.add_options(command);
  command.footer(kMethodsFooter);
  command.callback(
      [options] { options->console.print(options->json ? dump(methods_json()) : methods_text()); });
}

}  // namespace backlight::tools
