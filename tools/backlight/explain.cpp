// backlight explain: what in a picture speaks for a class.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tools/backlight/batch.hpp"
#include "tools/backlight/class_names.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/existing.hpp"
#include "tools/backlight/explain_picture.hpp"
#include "tools/backlight/looks.hpp"
#include "tools/backlight/map_options.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

struct ExplainOptions {
  InputOptions inputs;
  NetworkOptions network;
  DeviceOptions device;
  std::vector<std::string> classes, methods, layers, formats;
  std::size_t top_k = 0;
  std::optional<std::string> preset, fit;
  MapOptions map;
  std::string exif = "apply", folder = "backlight-out";
  bool fuse = false, box = false, force = false, skip_existing = false;
  JsonOptions json;
  Console console;
};

/// What can be refused before a network is loaded.
Request parse_request(const ExplainOptions& options, std::vector<const Method*>& asked) {
  Request request;
  if (options.preset) request.question.preset = parse_preset(*options.preset);
  if (options.fit) request.fit = parse_fit(*options.fit);
  request.exif = parse_exif(options.exif);
  request.layer_given = !options.layers.empty();
  for (const auto& choice : {options.preset, options.fit})
    if (choice) request.choices += "_" + *choice;
  parse_map_options(options.map, request);
  request.formats = parse_formats(options.formats);
  request.formats.box = options.box;
  if (options.folder == "-")
    throw Error(ErrorKind::usage,
                "--out names a folder, which standard output cannot be; --json prints there");
  request.folder = options.folder;
  request.force = options.force;
  request.skip_existing = options.skip_existing;
  request.top_k = options.top_k == 0 && options.classes.empty() ? 1 : options.top_k;
  for (const std::string& name : options.methods) add_once(asked, &find_method(name));
  if (asked.empty()) asked.push_back(&find_method("grad-cam"));

  const auto at_a_layer = [](const Method& method) { return method.needs.layer; };
  if (!options.layers.empty() && !request.formats.panel &&
      std::ranges::none_of(asked, [&](const Method* method) { return at_a_layer(*method); }))
    throw Error(ErrorKind::usage, "--layer: none of the methods asked for looks at a layer of choice; ",
                names_of_methods(at_a_layer), " do");
  for (const Method* method : asked) {
    if (options.map.counterfactual && !method->counterfactual)
      throw Error(ErrorKind::usage, "--counterfactual ", method->no_counterfactual());
    if (request.question.eigen_smooth && !method->smoothable)
      throw Error(ErrorKind::usage, "--eigen-smooth ", method->no_smoothing());
    if (request.question.path_average != 1 && !method->takes_path_average())
      throw Error(ErrorKind::usage, "--path ", method->no_path_average());
    Question question = request.question;
    if (options.fuse) question.more_layers = {0};
    method->require_defined(question);
  }
  const auto& of_panel = find_method("guided-grad-cam").presets;
  if (request.formats.panel && std::ranges::find(of_panel, request.question.preset) == of_panel.end())
    throw Error(ErrorKind::unsupported, "a panel shows Guided Grad-CAM, which preset ",
                name_of(request.question.preset), " does not define; use another preset");
  return request;
}

/// Says at which activations the methods' rules are not defined; a panel shows guided-backprop beside them.
void note_rules(std::vector<const Method*> methods, bool panel, const Network& network, Console& console) {
  if (panel) add_once(methods, &find_method("guided-backprop"));
  for (const Method* method : methods)
    if (const std::string note = method->plain_gradient_note(network); !note.empty()) console.note(note);
}

/// Says which methods show what another one shows, and which show the same of every class.
void note_identities(const Request& request, const std::vector<const Method*>& asked, const Network& network,
                     Console& console) {
  std::map<std::pair<std::string_view, NodeId>, std::vector<std::string>> same;
  for (const auto& [method, layer, more] : request.looks)
    if (layer && more.empty())
      if (const auto to = method->identical_to(network, *layer, request.question.preset); !to.empty())
        same[{to, *layer}].emplace_back(method->name);
  for (const auto& [at, names] : same)
    console.note(joined(names), ": identical to ", at.first, " at ", network.node(at.second).name,
                 ", up to a factor, as this network pools it for one linear layer");
  for (const Method* method : asked)
    if (!method->class_dependent)
      console.note(method->name, " asks for no class: its map is the same for every one");
}

/// The classes that the user named, each said how it was taken.
Json choose_classes(Request& request, const ExplainOptions& options, const Model& model, Console& console) {
  Json list = Json::array();
  for (const std::string& name : options.classes) {
    const ClassChoice choice = find_class(model.labels, model.wordnet_ids, name);
    if (!choice.remark.empty()) console.note("--class ", choice.remark);
    add_once(request.classes, choice.index);
    Json entry = class_json(model, choice.index);
    entry["asked"] = name;
    entry["taken_as"] = name_of(choice.taken_as);
    entry["others"] = choice.others;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string quoted_layer(const Json& result) {
  return result["layer"].is_null() ? "" : " at " + result["layer"].get<std::string>();
}

/// What was found, for people: predictions, then a line per result and file.
std::string report(const Json& record, const Model& model) {
  std::string out = printable(record["file"].get<std::string>()) + ": ";
  std::string separator;
  for (const Json& p : record["predictions"]) {
    out += separator + printable(p["name"].get<std::string>()) + " " + percent(p["probability"]);
    separator = ", ";
  }
  out += " (" + scores_text(model) + ")\n";
  for (const Json& result : record["results"]) {
    out += "  " + printable(result["class"]["name"].get<std::string>()) + " (" +
           result["class"]["index"].dump() + "), " + result["method"].get<std::string>() +
           quoted_layer(result) + (result["counterfactual"] == true ? ", counterfactual" : "") + ", " +
           percent(result["probability"]);
    if (result["positive_evidence"] == false) out += ": no positive evidence";
    if (const Json& total = result["completeness"]; !total.is_null())
      out += text(": adds up to ", decimal(total["sum"], 4), ", expected ", decimal(total["expected"], 4));
    if (const Json& box = result["box"]; !box.is_null())
      out += text(": box ", decimal(box["x0"], 0), ",", decimal(box["y0"], 0), " to ", decimal(box["x1"], 0),
                  ",", decimal(box["y1"], 0));
    out += "\n" + files_text(result, "    ");
  }
  if (record.contains("files")) out += files_text(record, "  ");
  return out;
}

void run_explain(ExplainOptions& options) {
  Console& console = options.console;
  std::vector<const Method*> asked_methods;
  Request request = parse_request(options, asked_methods);
  const PictureList list = list_pictures(options.inputs, console);
  Model model = load_network(options.network, console);
  note_labels(model, console);
  Context context = make_context(options.device, console);
  model.network.to(context);
  choose_looks(request, options.layers, options.fuse, asked_methods, model);
  note_rules(asked_methods, request.formats.panel, model.network, console);
  note_identities(request, asked_methods, model.network, console);
  Json asked = choose_classes(request, options, model, console);
  Json map_facts = ask_map_options(options.map, model, request, console);

  Json head = run_json("explain", model, request.fit, request.exif, context);
  head["asked"] = std::move(asked);
  head["preset"] = name_of(request.question.preset);
  head.update(map_facts);
  Inputs inputs = inputs_of(list, {model.weights, labels_file(options.network)});
  for (const std::string& file : request.baseline_files) inputs.add(file);
  inputs.keep_from("/dev/stdout");
  const std::filesystem::path folder = request.folder;
  Programs programs(model.network, optimisations(options.device, list.pictures.size()));
  Replays replays(programs, context);
  const Explainer explainer(model, replays, context, std::move(request), head, std::move(inputs));
  explainer.check_outputs(list.pictures);
  make_folder(folder);

  BatchOutput output(options.json, std::move(head), list, console);
  const int exit_code = for_each_picture(list, output, console, [&](const PictureSource& source) {
    std::optional<Json> record = explainer.explain(source, console);
    if (record && !options.json.any()) console.print_unless_quiet(report(*record, model));
    return record;
  });
  if (exit_code != 0) throw CLI::RuntimeError(exit_code);
}

/// A line per method, the default first.
std::string explain_footer() {
  Table table({"Methods:", "(`backlight methods` says what each needs and costs)"});
  for (const Method& method : methods())
    table.add({"  " + std::string(method.name), std::string(method.summary)});
  return table.str() + R"(
Examples:
  backlight explain photo.jpg
  backlight explain photo.jpg --class boxer --class "tiger cat" --method grad-cam,guided-grad-cam
  backlight explain photos/ --weights resnet50-0676ba61.pth --top-k 2 --format overlay,npy --out results
  backlight explain photos/ --recursive --skip-existing --json-lines > results.jsonl
  backlight explain photo.jpg --class 242 --box --json > boxes.json
  backlight explain photo.jpg --class "tiger cat" --against tabby --method hirescam
  backlight explain photo.jpg --class boxer --class "tiger cat" --format panel)";
}

}  // namespace

void add_explain_command(CLI::App& app) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App& command = *app.add_subcommand("explain", "Show what in a picture speaks for a class");
  add_inputs(command, options->inputs);
  // One value per occurrence: `--class cat photo.jpg` must not take the picture for a class.
  const auto add_list = [&](const char* name, std::vector<std::string>& values, const char* help,
                            const char* type) {
    return command.add_option(name, values, help)
        ->group("Question")
        ->type_name(type)
        ->allow_extra_args(false);
  };
  add_list("--class", options->classes,
           "A class by index, name, synonym or WordNet id; several times for several", "N|NAME");
  command.add_option("--top-k", options->top_k, "Explain the K best classes [1 where no --class is given]")
      ->group("Question")
      ->option_text("K")
      ->check(CLI::Range(1, 1'000'000));
  add_list("--method", options->methods, "One or several of the methods below [grad-cam]", "NAME,...")
      ->delimiter(',');
  add_list("--layer", options->layers, "Where Grad-CAM looks [the preset's]; see `backlight layers`",
           "NAME,...")
      ->delimiter(',');
  command.add_flag("--fuse", options->fuse, "One map of all these layers, as the preset joins them")
      ->group("Question");
  const auto add_name = [&](const char* name, std::optional<std::string>& value, const std::string& help) {
    command.add_option(name, value, help)->group("Question")->type_name("NAME");
  };
  add_name("--preset", options->preset, kPresetHelp);
  add_name("--fit", options->fit, text(kFitHelp, " [crop]"));
  command.add_option("--exif", options->exif, kExifHelp)
      ->group("Question")
      ->type_name("NAME")
      ->capture_default_str();
  add_map_options(command, options->map);
  command.add_flag("--box", options->box, "Box of the largest segment above 15 % of the map's maximum")
      ->group("Question");
  add_network_options(command, options->network);
  add_picture_options(command, options->network);
  add_device_options(command, options->device);
  add_optimise_option(command, options->device);

  add_list("--format", options->formats,
           "What to write: overlay, heatmap, panel, npy, json [overlay]; pictures as png [default] or jpg",
           "NAME,...")
      ->delimiter(',')
      ->group("Output");
  command.add_option("--out", options->folder, "Folder for results")
      ->group("Output")
      ->type_name("DIR")
      ->capture_default_str();
  add_json_options(command, options->json);
  auto* force = command.add_flag("--force", options->force, "Overwrite results")->group("Output");
  command
      .add_flag("--skip-existing", options->skip_existing,
                "Keep results that are there, and go on with what is missing")
      ->group("Output")
      ->excludes(force);
  options->console.add_options(command);
  command.footer(explain_footer());
  command.callback([options] { run_explain(*options); });
}

}  // namespace backlight::tools
