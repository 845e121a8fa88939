// What `caption` and `ask` share of their options: the network, and how its maps are made and written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/language/head_explanation.hpp"
#include "models/language/public_networks.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/formats.hpp"

namespace backlight::tools {

struct LanguageOptions {
  std::string model, weights, cnn, vocabulary, answer_names, exif = "apply", folder = "backlight-out";
  std::optional<std::string> scalar, preset, fit;
  std::optional<int> path;
  std::vector<std::string> layers, formats;
  bool elementwise = false, counterfactual = false, guided = false, unknown_as_unk = false, force = false,
       skip_existing = false;
  DeviceOptions device;
  JsonOptions json;
  Console console;
};

/// Adds those of the network, the maps, the device, the output and the console. `models`: those that ship and that the
/// command is for, the first where none is named. `answers`: whether its networks give such.
void add_language_options(CLI::App& command, LanguageOptions& options, std::vector<std::string> models,
                          bool answers);

/// How the maps of a run are made, and where they go.
struct LanguageMaps {
  bool log_probability = false;
  Direction direction = Direction::evidence;
  language::HeadMapOptions how;
  bool guided = false;  ///< Guided Grad-CAM beside each map; a panel needs it, unless it is one of layers
  std::vector<std::string>
      layers;  ///< of the CNN, by name, or `all`; none: its last map, which the head reads
  Preset preset = Preset::pytorch_grad_cam;
  std::optional<Fit> fit;  ///< nothing: the network's own
  ExifOrientation exif = ExifOrientation::apply;
  Formats formats;
  std::filesystem::path folder;
  bool force = false, skip_existing = false;
  std::string choices;  ///< what names of results hold of it, "_logprob_captum"
};

/// `asked`: whether any map is; where none is, an option that is of maps alone is refused, and `way_out` says how to
/// ask. Throws Error(usage) for what is mistyped, Error(unsupported) for a preset that shows no such maps.
LanguageMaps parse_language_options(const LanguageOptions& options, bool asked, const char* way_out);

/// The network of --weights and what lies beside it, or of --model, which ships; in the context's memory. Throws as
/// load_language_model,
/// Error(unsupported) for a captioner where an answerer is asked for, and the reverse, Error(resources) where what ships
/// is not found, Error(usage) for --unknown-as-unk of words that have no such one.
language::LanguageModel load_language(const LanguageOptions& options, bool captioner, Context& context,
                                      Console& console);

/// How pictures meet the network. Throws Error(usage) for `none` where it takes one size.
Fit fit_of(const language::LanguageModel& model, const LanguageMaps& maps);

/// What becomes of words that the network does not know.
language::UnknownWords unknown_words(const LanguageOptions& options);

/// Nodes of the CNN at which maps are made, each once; `all` are the outputs of its residual blocks. Throws
/// Error(usage) for a name that is none, and for a node that carries no map.
std::vector<NodeId> layers_of(const language::LanguageModel& model, const LanguageMaps& maps);

/// The document of a run: run_json, then how the maps are made.
Json language_json(std::string_view kind, const language::LanguageModel& model, const LanguageMaps& maps,
                   const Context& context);

}  // namespace backlight::tools
