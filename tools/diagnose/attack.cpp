// backlight attack: pictures that fool a network, and what its maps still show.
#include <CLI/CLI.hpp>
#include <memory>

#include "tools/backlight/batch.hpp"
#include "tools/backlight/class_names.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/existing.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/diagnose/attack_measure.hpp"
#include "tools/evaluate/data_options.hpp"
#include "tools/evaluate/report.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

struct AttackCommand {
  InputOptions inputs;
  NetworkOptions network;
  DeviceOptions device;
  std::string towards, layer, fit, exif = "apply", folder = "backlight-attack";
  std::vector<std::string> classes;
  fs::path data;
  DataOptions reading;
  std::int64_t scenes = 0;
  std::optional<int> epsilon, step, steps;
  std::optional<double> probability, tolerance;
  std::optional<std::uint64_t> seed;
  bool force = false;
  JsonOptions json;
  Console console;

  bool measures() const { return scenes > 0 || !data.empty(); }
};

AttackSettings settings_of(const AttackCommand& command) {
  AttackSettings settings;
  AttackOptions& options = settings.options;
  options.epsilon = command.epsilon.value_or(options.epsilon);
  options.step = command.step.value_or(options.step);
  options.steps = command.steps.value_or(options.steps);
  options.probability = command.probability.value_or(options.probability);
  if (!(options.probability > 0 && options.probability < 1))
    throw Error(ErrorKind::usage, "--probability is ", options.probability, ", expected between 0 and 1");
  settings.seed = command.seed.value_or(settings.seed);
  return settings;
}

/// What was chosen by option, in names of results.
std::string choices_of(const AttackCommand& command) {
  std::string choices;
  if (!command.layer.empty()) choices += "_" + file_safe(command.layer);
  if (!command.fit.empty()) choices += "_" + command.fit;
  const auto add = [&](const char* name, const auto& value) {
    if (value) choices += text("_", name, *value);
  };
  add("epsilon", command.epsilon);
  add("step", command.step);
  add("steps", command.steps);
  add("p", command.probability);
  add("seed", command.seed);
  return choices.empty() ? "" : bounded_choices(choices);
}

/// Refuses what has no meaning together, before anything is read.
void check_command(const AttackCommand& command) {
  if (command.folder == "-")
    throw Error(ErrorKind::usage,
                "--out names a folder, which standard output cannot be; --json prints there");
  const int asked = !command.inputs.inputs.empty() + (command.scenes > 0) + !command.data.empty();
  if (asked != 1)
    throw Error(ErrorKind::usage,
                "expected one of pictures, --scenes N and --data DATA; see `backlight attack --help`");
  if (command.measures()) {
    if (!command.classes.empty())
      throw Error(ErrorKind::usage,
                  "--class is of single pictures; of others the classes that are there are looked at");
    if (command.json.lines)
      throw Error(ErrorKind::usage, "--json-lines is of single pictures; --json prints the measurement");
  } else if (command.towards.empty()) {
    throw Error(ErrorKind::usage, "--towards CLASS says which class the network shall see");
  }
  if (command.data.empty() && command.reading.given())
    throw Error(ErrorKind::usage, "--pictures and --boxes are of --data");
  if (!command.measures() && command.tolerance)
    throw Error(ErrorKind::usage, "--tolerance is of --scenes and --data");
}

std::int64_t class_named(const std::string& option, const std::string& name, const Model& model,
                         Console& console) {
  const ClassChoice choice = find_class(model.labels, model.wordnet_ids, name);
  if (!choice.remark.empty()) console.note(option, " ", choice.remark);
  return choice.index;
}

NodeId layer_of(const std::string& name, const Model& model) {
  const NodeId layer =
      model.network.find(name.empty() ? model.info.default_layers.of(Preset::pytorch_grad_cam) : name);
  const Preprocessing& how = model.info.preprocessing;
  const std::vector<Shape> shapes = model.network.shapes({1, how.channels, how.input_size, how.input_size});
  if (const std::string obstacle =
          grad_cam_obstacle(model.network, layer, shapes[static_cast<std::size_t>(layer)]);
      !obstacle.empty())
    throw Error(ErrorKind::usage, "Grad-CAM cannot use layer '", model.network.node(layer).name,
                "': ", obstacle, "; `backlight layers` lists those it can use");
  return layer;
}

std::string picture_text(const Json& record) {
  const auto best = [&](const char* version) {
    const Json& first = record["predictions"][version].front();
    return printable(first["name"].get<std::string>()) + " " + percent(first["probability"]);
  };
  std::string out = printable(record["file"].get<std::string>()) + ": " + best("before") + ", attacked " +
                    best("attacked") + " after " + counted(record["steps_made"].get<std::size_t>(), "step") +
                    ", changed as much by chance " + best("random") + "\n";
  if (record["reached"] == false)
    out += "  not reached: " + printable(record["towards"]["name"].get<std::string>()) + " is at " +
           percent(record["probability"]) + "\n";
  for (const Json& map : record["maps"])
    if (map["version"] != kVersions[0]) {
      out += "  " + printable(map["class"]["name"].get<std::string>()) + ", " +
             map["version"].get<std::string>() + ": " + percent(map["probability"]) + ", map like before ";
      out += map["spearman"].is_null() ? "not defined" : decimal(map["spearman"], 3);
      out += "\n";
    }
  return out + files_text(record, "  ");
}

void attack_pictures(AttackCommand& command, Attacker& attacker, Context& context) {
  Console& console = command.console;
  const Model& model = attacker.model();
  const PictureList list = list_pictures(command.inputs, console);
  AttackRequest request{.towards = class_named("--towards", command.towards, model, console)};
  for (const std::string& name : command.classes)
    add_once(request.classes, class_named("--class", name, model, console));
  request.fit = command.fit.empty() ? Fit::crop : parse_fit(command.fit);
  request.exif = parse_exif(command.exif);
  request.folder = command.folder;
  request.choices = choices_of(command);
  request.force = command.force;
  const Fit back = fit_to_read_back(request.fit);

  Json head = run_json("attack", model, request.fit, request.exif, context);
  head["towards"] = class_json(model, request.towards);
  head.update(attacker.facts());
  Inputs inputs = inputs_of(list, {model.weights, labels_file(command.network)});
  inputs.keep_from("/dev/stdout");
  PictureAttack attack(attacker, context, std::move(request), head, inputs);
  attack.check_outputs(list.pictures);
  make_folder(command.folder);
  BatchOutput output(command.json, std::move(head), list, console);
  const int exit_code = for_each_picture(list, output, console, [&](const PictureSource& source) {
    std::optional<Json> record = attack.attack(source, console);
    if (!command.json.any()) console.print_unless_quiet(picture_text(*record));
    return record;
  });
  console.note("pictures are attacked at the network's input size; `backlight classify --fit ", name_of(back),
               "` reads the attacked ones as they are");
  if (exit_code != 0) throw CLI::RuntimeError(exit_code);
}

void measure(AttackCommand& command, Attacker& attacker, Context& context) {
  Console& console = command.console;
  const Model& model = attacker.model();
  const fs::path folder = command.folder;
  const Fit fit = command.fit.empty() ? Fit::stretch : parse_fit(command.fit);
  const ExifOrientation exif = parse_exif(command.exif);
  std::optional<std::int64_t> towards;
  if (!command.towards.empty()) towards = class_named("--towards", command.towards, model, console);
  const double tolerance = command.tolerance.value_or(model.info.name == "backlight_scenes" ? 0 : 15);
  DataSet set;
  std::vector<SubjectPicture> subjects;
  if (command.scenes > 0) {
    set.format = "drawn";
    subjects = drawn_subjects(attacker.settings().seed, command.scenes);
  } else {
    set = read_data_set(command.data, command.reading.parsed());
    for (const DataProblem& problem : set.problems) console.error(problem.where, ": ", problem.what);
    subjects = annotated_subjects(set, model, exif, console);
  }

  Inputs inputs;
  for (const fs::path& file : {command.data, model.weights, labels_file(command.network)}) inputs.add(file);
  for (const char* name : {"pictures.csv", "pointing.csv", "energy.csv", "agreement.csv", "false-class.csv",
                           "outcome.csv", "attack.json", "attack.html"}) {
    inputs.keep_from(folder / name);
    if (!command.force)
      require_free(folder / name, "--force overwrites results, --out chooses another folder");
  }
  make_folder(folder);
  if (command.force) fs::remove(folder / "pictures.csv");

  Json document = run_json("attack-measurement", model, fit, exif, context);
  document["data"] = {{"path", command.data.empty() ? Json() : Json(command.data.string())},
                      {"format", set.format},
                      {"pictures", subjects.size()}};
  document["towards"] = towards ? class_json(model, *towards) : Json();
  document.update(attacker.facts());
  document["tolerance"] = tolerance;
  AttackMeasurement measured =
      measure_attacks(attacker, context, subjects, towards, fit, tolerance, folder, console);
  for (const DataProblem& problem : set.problems)
    measured.errors.push_back({{"file", problem.where}, {"kind", "bad_input"}, {"message", problem.what}});
  document["measured"] = measured.measured;
  const Bootstrap draws{.seed = attacker.settings().seed};
  document["bootstrap"] = {{"draws", draws.draws}, {"seed", draws.seed}};
  document["attack"] = std::move(measured.attack);
  document["results"] = std::move(measured.results);
  document["errors"] = measured.errors;
  write_text(folder / "attack.json", dump(document));
  write_text(folder / "attack.html", diagnosis_page(attack_page(document, std::move(measured.examples))));
  if (command.json.document)
    console.print(dump(document));
  else
    console.print_unless_quiet(results_text(document["results"]) +
                               "\n* differs from before: the 95 % interval of " +
                               "the difference on the same pictures does not hold 0\n");
  console.note(counted(measured.measured, "picture"), " attacked, ", measured.errors.size(),
               " left out; all of it is in ", folder.string());
  if (!measured.errors.empty()) throw CLI::RuntimeError(kSomeFailed);
}

void run_attack(AttackCommand& command) {
  check_command(command);
  const AttackSettings settings = settings_of(command);
  NetworkOptions network = command.network;
  if (command.scenes > 0 && network.weights.empty() && network.model.empty())
    network.model = "backlight_scenes";
  Model model = load_network(network, command.console);
  note_labels(model, command.console);
  Context context = make_context(command.device, command.console);
  model.network.to(context);
  Attacker attacker(model, context, layer_of(command.layer, model), command.device, settings);
  if (command.measures())
    measure(command, attacker, context);
  else
    attack_pictures(command, attacker, context);
}

constexpr const char* kAttackFooter =
    R"(What is attacked is the picture at the network's input size, after it was fitted;
steps are along the sign of the input's gradient, rounded to 8 bits, so that the PNG that is written fools the network.

Examples:
  backlight attack photo.jpg --towards espresso
  backlight attack photo.jpg --towards espresso --class boxer --class "tiger cat" --epsilon 4
  backlight classify backlight-attack/photo_towards-espresso_attacked.png --fit stretch
  backlight attack --scenes 200 --out attacked
  backlight attack --data VOC2007 --out attacked)";

}  // namespace

void add_attack_command(CLI::App& app) {
  auto options = std::make_shared<AttackCommand>();
  CLI::App& command =
      *app.add_subcommand("attack", "Change pictures until the network is sure of a class that is not there");
  add_inputs(command, options->inputs, /*required=*/false);
  const auto add = [&](const char* name, auto& value, const std::string& help, const char* type,
                       const char* group) {
    return command.add_option(name, value, help)->group(group)->type_name(type);
  };
  add("--scenes", options->scenes, "Measure over so many drawn scenes of two objects, of backlight_scenes",
      "N", "Measurement")
      ->check(CLI::Range(1, 1'000'000));
  add("--data", options->data, "Measure over pictures with boxes, in the formats of `backlight evaluate`",
      "PATH", "Measurement");
  add_data_options(command, options->reading, "Measurement");
  add("--tolerance", options->tolerance, "Pixels by which a maximum may miss [15; 0 for backlight_scenes]",
      "N", "Measurement")
      ->check(CLI::Range(0.0, 1000.0));
  add("--towards", options->towards,
      "The class that the network shall see; of measurements one that is not there, by the seed, where none "
      "is given",
      "N|NAME", "Attack");
  add("--class", options->classes, "Whose maps are compared; several times for several [the best before]",
      "N|NAME", "Attack")
      ->allow_extra_args(false);
  add("--epsilon", options->epsilon, "The most that a sample changes, in levels of 255 [8]", "N", "Attack")
      ->check(CLI::Range(1, 255));
  add("--step", options->step, "By which it changes at once, in levels of 255 [1]", "N", "Attack")
      ->check(CLI::Range(1, 255));
  add("--steps", options->steps, "At most [100]", "N", "Attack")->check(CLI::Range(1, 100'000));
  add("--probability", options->probability, "Of the class, above which the attack ends [0.9999]", "P",
      "Attack");
  add("--seed", options->seed, "Of the random change; of scenes and their classes, too [1]", "N", "Attack");
  add("--layer", options->layer, "Where Grad-CAM looks [the preset's]; see `backlight layers`", "NAME",
      "Attack");
  add("--fit", options->fit, text(kFitHelp, " [crop; of measurements stretch]"), "NAME", "Attack");
  add("--exif", options->exif, kExifHelp, "NAME", "Attack")->capture_default_str();
  add_network_options(command, options->network);
  add_picture_options(command, options->network);
  add_device_options(command, options->device);
  add_optimise_option(command, options->device);
  add("--out", options->folder, "Folder for results", "DIR", "Output")->capture_default_str();
  add_json_options(command, options->json);
  command.add_flag("--force", options->force, "Overwrite results")->group("Output");
  options->console.add_options(command);
  command.footer(kAttackFooter);
  command.callback([options] { run_attack(*options); });
}

}  // namespace backlight::tools
