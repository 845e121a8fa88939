#include "tools/backlight/language_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "engine/explain/explanation.hpp"
#include "models/weights_location.hpp"
#include "tools/backlight/names.hpp"

namespace backlight::tools {
namespace {

constexpr std::array<std::pair<std::string_view, bool>, 2> kScalars{{{"logit", false}, {"logprob", true}}};
constexpr int kMostSteps = 1024;

Json language_model_json(const language::LanguageModel& model) {
  const bool apart = !model.cnn_weights.empty();
  return {{"task", name_of(model.task)},
          {"words", model.vocabulary.words().size()},
          {"answers", model.vocabulary.answers().size()},
          {"weights", model.weights.string()},
          {"weights_sha256", model.weights_sha256},
          {"cnn_weights", apart ? Json(model.cnn_weights.string()) : Json()},
          {"cnn_weights_sha256", apart ? Json(model.cnn_weights_sha256) : Json()}};
}

std::filesystem::path weights_of(const LanguageOptions& options) {
  if (!options.weights.empty()) return options.weights;
  const std::string file = "backlight_" + options.model;
  if (const auto shipped = shipped_weights(file)) return *shipped;
  throw Error(ErrorKind::resources, file,
              ".safetensors, which ships, was not found; name a network's file with --weights");
}

}  // namespace

void add_language_options(CLI::App& command, LanguageOptions& options, std::vector<std::string> models,
                          bool answers) {
  options.model = models.front();
  auto* model = command.add_option("--model", options.model, "Which network of those that ship")
                    ->group("Network")
                    ->check(CLI::IsMember(std::move(models)))
                    ->capture_default_str();
  auto* weights =
      command
          .add_option(
              "--weights", options.weights,
              "File of a captioner or question answerer, instead of one that ships: of backlight's, or of a "
              "public one, whose words lie beside it")
          ->group("Network")
          ->type_name("FILE")
          ->excludes(model);
  const auto add_file = [&](const char* name, std::string& path, const char* help) {
    command.add_option(name, path, help)->group("Network")->type_name("FILE")->needs(weights);
  };
  add_file("--cnn", options.cnn, "File of the CNN, where the weights are of the head alone");
  add_file("--vocabulary", options.vocabulary,
           "Words by their ids, where the weights carry none: JSON, text with a word a line, or a pickle, of "
           "which "
           "only data is read");
  if (answers)
    add_file("--answer-names", options.answer_names, "Answers by their ids, where the weights carry none");
  command
      .add_flag("--unknown-as-unk", options.unknown_as_unk,
                "Take words that the network does not know for its word for unknown ones")
      ->group("Network");

  const auto add_name = [&](const char* name, std::optional<std::string>& value, const char* help) {
    command.add_option(name, value, help)->group("Maps")->type_name("NAME");
  };
  add_name("--scalar", options.scalar,
           "What of a word or an answer is explained: logit, logprob [logit]; of a sentence always logprob");
  command
      .add_option(
          "--path", options.path,
          "Points between no map and the picture's over which gradients are averaged; 1 is the paper's "
          "plain gradient, which says little where the network is sure [16]")
      ->group("Maps")
      ->option_text("N")
      ->check(CLI::Range(1, kMostSteps));
  command
      .add_flag(
          "--elementwise", options.elementwise,
          "Gradient times activation at each place (HiResCAM), not averaged over places: for what says where")
      ->group("Maps");
  command
      .add_flag("--counterfactual", options.counterfactual,
                "What speaks against a word, a sentence or an answer")
      ->group("Maps");
  command
      .add_flag("--guided", options.guided, "Guided Grad-CAM beside each map, at the picture's resolution")
      ->group("Maps");
  command
      .add_option(
          "--layer", options.layers,
          "Where in the CNN to look: blocks such as layer2.1, other nodes, or all: each residual block's "
          "output [the last]")
      ->group("Maps")
      ->type_name("NAME|all,...")
      ->allow_extra_args(false)
      ->delimiter(',');
  add_name("--preset", options.preset,
           "As whose programs show maps: paper, pytorch-grad-cam, captum, torch-cam [pytorch-grad-cam]");
  add_name("--fit", options.fit,
           "How the picture meets the network: crop (short side, then the centre), stretch (both sides), "
           "none (at its "
           "own size, where the network takes any) [as in training]");
  command.add_option("--exif", options.exif, kExifHelp)
      ->group("Maps")
      ->type_name("NAME")
      ->capture_default_str();
  add_device_options(command, options.device);

  command
      .add_option(
          "--format", options.formats,
          "What to write of each map: overlay, heatmap, npy, and of each picture: panel, json [overlay]; "
          "pictures as png [default] or jpg")
      ->group("Output")
      ->type_name("NAME,...")
      ->allow_extra_args(false)
      ->delimiter(',');
  command.add_option("-o,--out", options.folder, "Folder for results")
      ->group("Output")
      ->type_name("DIR")
      ->capture_default_str();
  add_json_options(command, options.json);
  auto* force = command.add_flag("--force", options.force, "Overwrite results")->group("Output");
  command
      .add_flag("--skip-existing", options.skip_existing,
                "Keep results that are there, and go on with what is missing")
      ->group("Output")
      ->excludes(force);
  options.console.add_options(command);
}

LanguageMaps parse_language_options(const LanguageOptions& options, bool asked, const char* way_out) {
  const std::pair<const char*, bool> of_maps[] = {{"--scalar", options.scalar.has_value()},
                                                  {"--path", options.path.has_value()},
                                                  {"--elementwise", options.elementwise},
                                                  {"--counterfactual", options.counterfactual},
                                                  {"--preset", options.preset.has_value()},
                                                  {"--format", !options.formats.empty()},
                                                  {"--guided", options.guided},
                                                  {"--layer", !options.layers.empty()},
                                                  {"--skip-existing", options.skip_existing}};
  for (const auto& [name, given] : of_maps)
    if (given && !asked)
      throw Error(ErrorKind::usage, name, " is of maps, of which none was asked for; ", way_out);

  LanguageMaps maps;
  if (options.scalar) maps.log_probability = parse_choice("scalar", *options.scalar, kScalars);
  maps.how = {.steps = options.path.value_or(maps.how.steps), .elementwise = options.elementwise};
  if (options.counterfactual) maps.direction = Direction::counterfactual;
  if (options.preset) maps.preset = parse_preset(*options.preset);
  if (std::ranges::find(kPresets, maps.preset) == kPresets.end())
    throw Error(ErrorKind::unsupported, "preset ", name_of(maps.preset), " shows no map of words or answers");
  maps.layers = options.layers;
  maps.formats = parse_formats(options.formats);
  maps.guided = options.guided || (maps.formats.panel && maps.layers.empty());
  if (maps.guided && maps.preset == Preset::torch_cam)
    throw Error(ErrorKind::unsupported,
                "preset torch-cam does not define Guided Grad-CAM; use another preset");
  if (options.fit) maps.fit = parse_fit(*options.fit);
  maps.exif = parse_exif(options.exif);
  if (options.folder == "-")
    throw Error(ErrorKind::usage,
                "--out names a folder, which standard output cannot be; --json prints there");
  maps.folder = options.folder;
  maps.force = options.force;
  maps.skip_existing = options.skip_existing;

  std::string choices;
  if (options.counterfactual) choices += "_counterfactual";
  if (options.scalar) choices += "_" + *options.scalar;
  if (options.path) choices += text("_path", *options.path);
  if (options.elementwise) choices += "_elementwise";
  for (const auto& choice : {options.preset, options.fit})
    if (choice) choices += "_" + *choice;
  maps.choices = bounded_choices(choices);
  return maps;
}

language::LanguageModel load_language(const LanguageOptions& options, bool captioner, Context& context,
                                      Console& console) {
  language::LanguageModel model = language::load_language_model(
      {weights_of(options), options.cnn, options.vocabulary, options.answer_names});
  if ((model.task == language::LanguageTask::caption) != captioner)
    throw Error(ErrorKind::unsupported, model.weights.string(), ": is a network of task ",
                name_of(model.task),
                captioner ? ", which answers questions; `backlight ask` takes it"
                          : ", which says captions; `backlight caption` takes it");
  if (options.unknown_as_unk && !model.vocabulary.special().unknown)
    throw Error(ErrorKind::usage, "--unknown-as-unk: ", model.weights.string(),
                " has no word for unknown ones; leave the option out to see which word is unknown");
  console.detail(model.weights.string(), ": ", name_of(model.task), ", ", model.vocabulary.words().size(),
                 " words, SHA-256 ", model.weights_sha256);
  model.cnn.to(context);
  model.head.to(context);
  return model;
}

Fit fit_of(const language::LanguageModel& model, const LanguageMaps& maps) {
  if (maps.fit == Fit::none && model.fit != Fit::none)
    throw Error(ErrorKind::usage, "--fit none: ", model.weights.string(),
                " needs pictures of one size; expected crop, stretch");
  return maps.fit.value_or(model.fit);
}

language::UnknownWords unknown_words(const LanguageOptions& options) {
  return options.unknown_as_unk ? language::UnknownWords::as_unknown : language::UnknownWords::refuse;
}

std::vector<NodeId> layers_of(const language::LanguageModel& model, const LanguageMaps& maps) {
  const Network& cnn = model.cnn;
  if (maps.layers.empty()) return {cnn.output()};
  std::vector<NodeId> layers;
  const std::vector<Shape> shapes = cnn.shapes(
      {1, model.preprocessing.channels, model.preprocessing.input_size, model.preprocessing.input_size});
  for (const std::string& name : maps.layers) {
    if (name == "all") {
      for (NodeId id = 0; id < cnn.size(); ++id)
        if (const Node& node = cnn.node(id);
            node.kind() == OpKind::relu && cnn.node(node.inputs.front()).kind() == OpKind::add)
          add_once(layers, id);
      continue;
    }
    const NodeId id = cnn.find(name);
    if (const auto obstacle = grad_cam_obstacle(cnn, id, shapes[static_cast<std::size_t>(id)]);
        !obstacle.empty())
      throw Error(ErrorKind::usage, "--layer ", name, " carries no map: ", obstacle);
    add_once(layers, id);
  }
  return layers;
}

Json language_json(std::string_view kind, const language::LanguageModel& model, const LanguageMaps& maps,
                   const Context& context) {
  Json json = run_json(kind, language_model_json(model), preprocessing_json(model.preprocessing, {}),
                       fit_of(model, maps), maps.exif, context);
  json["preset"] = name_of(maps.preset);
  json["path"] = maps.how.steps;
  json["elementwise"] = maps.how.elementwise;
  json["layers"] = Json::array();
  for (const NodeId layer : layers_of(model, maps)) json["layers"].push_back(model.cnn.node(layer).name);
  json["guided"] = maps.guided;
  json["counterfactual"] = maps.direction == Direction::counterfactual;
  return json;
}

}  // namespace backlight::tools
