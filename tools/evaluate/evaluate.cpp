// backlight evaluate: how good maps are, measured over the pictures of a data set.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "engine/core/processors.hpp"
#include "engine/evaluate/baselines.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "models/pictures.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/looks.hpp"
#include "tools/backlight/map_options.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/table.hpp"
#include "tools/evaluate/data_options.hpp"
#include "tools/evaluate/evaluation_run.hpp"
#include "tools/evaluate/measures.hpp"
#include "tools/evaluate/plots.hpp"
#include "tools/evaluate/readers.hpp"
#include "tools/evaluate/report.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, AskedClasses>, 3> kAsked{
    {{"predicted", AskedClasses::predicted},
     {"true", AskedClasses::annotated},
     {"top5", AskedClasses::top5}}};
enum class Protocol : std::uint8_t { backlight, clovaai, pytorch_grad_cam };
constexpr std::array<std::pair<std::string_view, Protocol>, 3> kProtocols{
    {{"backlight", Protocol::backlight},
     {"clovaai", Protocol::clovaai},
     {"pytorch-grad-cam", Protocol::pytorch_grad_cam}}};
constexpr std::array<std::pair<std::string_view, Baseline>, 3> kFills{
    {{"mean", Baseline::mean}, {"black", Baseline::black}, {"blur", Baseline::blur}}};
constexpr std::array<std::pair<std::string_view, RandomizationOrder>, 2> kOrders{
    {{"cascading", RandomizationOrder::cascading}, {"independent", RandomizationOrder::independent}}};
constexpr std::array<std::pair<std::string_view, bool SimilarityOptions::*>, 2> kSimilarities{
    {{"ssim", &SimilarityOptions::ssim}, {"hog", &SimilarityOptions::hog}}};

struct EvaluateOptions {
  fs::path data;
  DataOptions reading;
  std::string compare;
  NetworkOptions network;
  DeviceOptions device;
  std::vector<std::string> methods, layers, similarity, measures{"localization", "pointing", "energy"};
  std::string classes = "predicted", fit = "stretch", exif = "apply", protocol = "backlight", fill = "mean",
              randomize = "cascading";
  std::optional<std::string> preset;
  std::optional<double> tolerance;
  double threshold = kDefaultSegmentFraction;
  int connectivity = 8;
  std::size_t limit = 0;
  std::int64_t points = 0;
  MapOptions map;
  fs::path out = "backlight-evaluation";
  bool resume = false, json = false;
  Console console;
};

std::uint64_t seed_of(const EvaluateOptions& options) { return options.map.seed.value_or(1); }

/// The run's seed is that of a smoothing's noise and of RISE's masks, too.
MapOptions map_options_of(const EvaluateOptions& options) {
  MapOptions map = options.map;
  map.seed.reset();
  if ((map.smooth && *map.smooth != "augmentation") ||
      std::ranges::find(options.methods, "rise") != options.methods.end())
    map.seed = seed_of(options);
  return map;
}

DataSet read_data(const EvaluateOptions& options, const Ranks& ranks, Console& console) {
  DataSet set = read_data_set(options.data, options.reading.parsed());
  if (ranks.first())
    for (const DataProblem& problem : set.problems) console.error(problem.where, ": ", problem.what);
  if (set.without_objects > 0)
    console.note(counted(set.without_objects, "picture"), " without an object left out");
  return set;
}

/// Inputs of the first pictures of a data set that can be read, of one size.
Tensor first_inputs(std::span<const AnnotatedPicture> pictures, const Model& model, const Request& request) {
  std::vector<Tensor> inputs;
  for (const AnnotatedPicture& picture : pictures) try {
      Console quiet;
      const PictureSource source{picture.file.string(), ""};
      const Image image = source.read(request.exif, model.info.preprocessing.alpha(), quiet);
      Tensor x = fit_picture(image, model, request.fit, /*backward_to_input=*/false).x;
      if (inputs.empty() || inputs.front().shape() == x.shape()) inputs.push_back(std::move(x));
    } catch (const Error&) {  // said when its turn comes
    }
  if (inputs.empty()) return {};
  Tensor batch(inputs.front().shape().with(0, std::ssize(inputs)));
  float* to = batch.data<float>();
  for (const Tensor& x : inputs) to = std::ranges::copy(x.values(), to).out;
  return batch;
}

/// Ranks of one machine share its processors, and take a GPU each where none is named by its number.
DeviceOptions device_of(DeviceOptions device, const Ranks& ranks) {
  if (ranks.here() == 1) return device;
  if (device.threads == 0) device.threads = std::max(1, usable_processors() / ranks.here());
  const cuda::Devices all = cuda::devices();
  const bool automatic = (device.device.empty() || device.device == "auto") && all.build == cuda::Build::real;
  if (!all.found.empty() && (automatic || device.device == "cuda"))
    device.device = text("cuda:", ranks.rank_here() % std::ssize(all.found));
  return device;
}

/// What a run must have in common with the one that it goes on with.
void check_run(const fs::path& file, Json head, bool resume) {
  head.erase("threads");
  std::error_code none;
  if (resume && fs::exists(file, none)) {
    const Json there = Json::parse(read_text_file(file), nullptr, /*allow_exceptions=*/false);
    for (const auto& [member, value] : head.items())
      if (!there.is_object() || !there.contains(member) || there[member] != value)
        throw Error(ErrorKind::usage, file.string(), ": the run there has another '", member,
                    "'; give the options that it was begun with, or --out another folder");
    return;
  }
  write_text(file, dump(head));
}

/// Of --compare, which must be the network that is evaluated, but for its parameters.
Model load_compared(const EvaluateOptions& options, const Model& model, Console& console) {
  NetworkOptions network = options.network;
  network.weights = options.compare;
  Model compared = load_network(network, console);
  if (!std::ranges::equal(
          std::as_const(model.network).parameters(), std::as_const(compared.network).parameters(), {},
          [](const ConstNamedParameter& p) { return std::pair(p.name, p.tensor->shape()); },
          [](const ConstNamedParameter& p) { return std::pair(p.name, p.tensor->shape()); }))
    throw Error(ErrorKind::usage, options.compare, ": its parameters are not named and shaped as those of ",
                model.weights.string(), "; expected the same network with other values");
  return compared;
}

/// What is refused before a network is loaded.
Request parse_evaluation(const EvaluateOptions& options, std::vector<const Method*>& methods) {
  Request request;
  if (options.preset) request.question.preset = parse_preset(*options.preset);
  request.fit = parse_fit(options.fit);
  request.exif = parse_exif(options.exif);
  parse_map_options(map_options_of(options), request);
  for (const std::string& name : options.methods) add_once(methods, &find_method(name));
  if (methods.empty()) methods.push_back(&find_method("grad-cam"));
  for (const Method* method : methods) {
    Question question = request.question;
    // A reduction of channels is for those methods that have channels.
    if (!method->needs.input_gradient) question.channels.reset();
    method->require_defined(question);
  }
  return request;
}

void run_evaluate(EvaluateOptions& options) {
  Ranks ranks;
  Console& console = options.console;
  if (!ranks.first()) console.be_quiet();
  std::vector<const Method*> methods;
  Request request = parse_evaluation(options, methods);
  const AskedClasses asked = parse_choice("classes", options.classes, kAsked);
  std::vector<const MeasureKind*> kinds;
  for (const std::string& name : options.measures) add_once(kinds, &find_measure(name));
  if (!options.compare.empty() && std::ranges::find(kinds, &find_measure("randomization")) == kinds.end())
    throw Error(ErrorKind::usage, "--compare is of --measure randomization");
  const Protocol protocol = parse_choice("protocol", options.protocol, kProtocols);
  MeasureOptions how{options.threshold, options.tolerance.value_or(15), asked == AskedClasses::top5 ? 5u : 1u,
                     protocol == Protocol::clovaai};
  if (protocol == Protocol::pytorch_grad_cam) how.road = RoadProtocol::pytorch_grad_cam;
  how.connectivity = options.connectivity == 4 ? Connectivity::four : Connectivity::eight;
  how.fill = parse_choice("fill", options.fill, kFills);
  how.randomization = parse_choice("order of randomization", options.randomize, kOrders);
  for (const std::string& name : options.similarity)
    how.similarity.*parse_choice("similarity", name, kSimilarities) = true;
  if (!(how.threshold > 0 && how.threshold <= 1))
    throw Error(ErrorKind::usage, "--threshold is ", how.threshold, ", expected above 0 and at most 1");
  DataSet set = read_data(options, ranks, console);
  const Json data{{"path", options.data.string()},
                  {"format", set.format},
                  {"pictures", set.pictures.size()},
                  {"without_objects", set.without_objects}};
  const std::vector<AnnotatedPicture> few(
      set.pictures.begin(), set.pictures.begin() + std::min<std::ptrdiff_t>(8, std::ssize(set.pictures)));
  choose_pictures(set.pictures, options.limit, seed_of(options));

  Model model = load_network(options.network, console);
  note_labels(model, console);
  Context context = make_context(device_of(options.device, ranks), console);
  model.network.to(context);
  // Its pictures are small.
  if (!options.tolerance && model.info.name == "backlight_scenes") how.tolerance = 0;
  choose_looks(request, options.layers, /*fuse=*/false, methods, model);
  const Json map_facts = ask_map_options(map_options_of(options), model, request, console);
  how.preset = request.question.preset;
  how.points = options.points == 0 ? model.info.preprocessing.input_size + 1 : options.points;
  how.model = &model;
  std::optional<Model> compared;
  if (!options.compare.empty()) {
    compared = load_compared(options, model, console);
    compared->network.to(context);
    how.compared = &compared->network;
  }
  how.pictures = [&] { return first_inputs(few, model, request); };
  std::vector<std::unique_ptr<Measure>> measures;
  for (const MeasureKind* kind : kinds) measures.push_back(kind->make(how));
  Programs programs(model.network, optimisations(options.device, set.pictures.size()));
  Replays replays(programs, context);
  const Evaluator evaluator(model, replays, request, measures, asked, seed_of(options));
  EvaluationRun run(console, set, model, evaluator, request.exif);
  if (!ranks.first()) {
    run.run(ranks, nullptr);
    return;
  }

  Json head = run_json("evaluation", model, request.fit, request.exif, context);
  head["data"] = data;
  head["preset"] = name_of(request.question.preset);
  head.update(map_facts);
  head["class"] = options.classes;
  head["seed"] = seed_of(options);
  head["limit"] = options.limit == 0 ? Json() : Json(options.limit);
  head["threshold"] = how.threshold;
  head["connectivity"] = options.connectivity;
  head["tolerance"] = how.tolerance;
  head["protocol"] = options.protocol;
  head["points"] = how.points;
  head["fill"] = options.fill;
  head["randomize"] = options.randomize;
  head["similarity"] = options.similarity;
  head["compare"] = compared ? Json(compared->weights_sha256) : Json();
  head["measures"] = Json::array();
  for (const MeasureKind* kind : kinds) head["measures"].push_back(kind->name);
  head["methods"] = Json::array();
  for (const std::string& name : evaluator.candidates()) head["methods"].push_back(name);
  head["layers"] = Json::array();
  for (const NodeId layer : request.chosen_layers) head["layers"].push_back(model.network.node(layer).name);

  Inputs inputs;
  for (const fs::path& file :
       {options.data, model.weights, fs::path(options.compare), labels_file(options.network)})
    inputs.add(file);
  for (const auto& measure : measures)
    inputs.keep_from(options.out / (std::string(measure->name()) + ".csv"));
  for (const char* name : {"pictures.csv", "run.json", "evaluation.json"})
    inputs.keep_from(options.out / name);
  make_folder(options.out);
  Journal journal(options.out, measures, evaluator.candidates(), options.resume);
  check_run(options.out / "run.json", head, options.resume);
  if (const int signal = run.run(ranks, &journal); signal != 0) {
    console.note("interrupted; --resume goes on with ", options.out.string());
    throw CLI::RuntimeError(128 + signal);
  }
  const std::vector<const PictureFindings*> found = run.findings(journal);
  if (found.empty())
    throw Error(ErrorKind::bad_input, options.data.string(), ": none of its pictures could be evaluated");
  const Bootstrap draws{.seed = seed_of(options)};
  head["evaluated"] = found.size();
  head["bootstrap"] = {{"draws", draws.draws}, {"seed", draws.seed}};
  head["results"] = results_json(measures, evaluator.candidates(), found, draws);
  head["failed"] = run.errors().size();
  head["errors"] = run.errors();
  write_text(options.out / "evaluation.json", dump(head));
  for (const auto& [name, svg] : curve_plots(head["results"])) write_text(options.out / name, svg);
  if (options.json)
    console.print(dump(head));
  else
    console.print_unless_quiet(
        results_text(head["results"]) + "\n* differs from " + evaluator.candidates().front() +
        ": the 95 % interval of the difference on the same pictures does not hold 0\n");
  console.note(found.size(), " of ", counted(found.size() + run.errors().size(), "picture"), " evaluated, ",
               run.errors().size(), " failed; all of it is in ", options.out.string());
  if (!run.errors().empty()) throw CLI::RuntimeError(kSomeFailed);
}

std::string evaluate_footer() {
  Table measures({"Measures:", ""});
  for (const MeasureKind& kind : measure_kinds())
    measures.add({"  " + std::string(kind.name), std::string(kind.summary)});
  return measures.str() + R"(
DATA is a folder of XML files (PASCAL VOC, ILSVRC), of wsolevaluation's lists, of scenes with their JSON, or of folders
that name classes; or a file: COCO's .json, a .csv (file,class[,4 numbers of a box]; LOC_val_solution), ILSVRC's .txt.

Examples:
  backlight evaluate VOC2007 --method grad-cam,layercam,saliency --limit 200
  backlight evaluate Annotations/CLS-LOC/val --pictures Data/CLS-LOC/val --class top5 --measure localization
  backlight evaluate boxes.csv --boxes edges --measure max-box --protocol clovaai --out wsol
  backlight evaluate scenes --model backlight_scenes --resume)";
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App& command =
      *app.add_subcommand("evaluate", "Measure how good maps are, over the pictures of a data set");
  const auto add = [&](const char* name, auto& value, const std::string& help, const char* type,
                       const char* group) {
    return command.add_option(name, value, help)->group(group)->type_name(type);
  };
  add("DATA", options->data, "Annotations of pictures; see below", "PATH", "Data")->required();
  add_data_options(command, options->reading);
  add("--limit", options->limit, "Only so many pictures, chosen by the seed", "N", "Data");
  add("--exif", options->exif, kExifHelp, "NAME", "Data")->capture_default_str();
  add("--method", options->methods, "One or several; see `backlight methods` [grad-cam]", "NAME,...",
      "Question")
      ->delimiter(',')
      ->allow_extra_args(false);
  add("--layer", options->layers, "Where Grad-CAM looks [the preset's]", "NAME,...", "Question")
      ->delimiter(',')
      ->allow_extra_args(false);
  add("--class", options->classes,
      "Of which class, where the annotation does not say: predicted, true, or top5, of which each is located",
      "NAME", "Question")
      ->capture_default_str();
  add("--preset", options->preset, kPresetHelp, "NAME", "Question");
  add("--fit", options->fit, kFitHelp, "NAME", "Question")->capture_default_str();
  add_map_options(command, options->map);
  add("--measure", options->measures, "One or several of the measures below", "NAME,...", "Measures")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  add("--threshold", options->threshold, "Share of the map's maximum from which a box is made", "SHARE",
      "Measures")
      ->capture_default_str();
  add("--connectivity", options->connectivity, "Neighbours by which a box's pixels belong together: 8, 4",
      "N", "Measures")
      ->check(CLI::IsMember({4, 8}))
      ->capture_default_str();
  add("--tolerance", options->tolerance, "Pixels by which a maximum may miss [15; 0 for backlight_scenes]",
      "N", "Measures")
      ->check(CLI::Range(0.0, 1000.0));
  add("--protocol", options->protocol,
      "Whose boxes max-box, and whose pixels pxap takes: backlight, clovaai (wsolevaluation); and whose road "
      "removes: backlight, pytorch-grad-cam",
      "NAME", "Measures")
      ->capture_default_str();
  add("--points", options->points, "Of insertion's and deletion's curves [one more than the input has rows]",
      "N", "Measures")
      ->check(CLI::Range(2, 10001));
  add("--fill", options->fill, "What drop shows in the place of what a map hides: mean, black, blur", "NAME",
      "Measures")
      ->capture_default_str();
  add("--similarity", options->similarity, "How randomization compares maps, beside Spearman: ssim, hog",
      "NAME,...", "Measures")
      ->delimiter(',')
      ->allow_extra_args(false);
  add("--compare", options->compare,
      "Weights of the same network, e.g. of train --permute-labels: randomization compares with its maps "
      "instead",
      "FILE", "Measures");
  add("--randomize", options->randomize,
      "Layers that randomization takes: cascading, independent (one alone)", "NAME", "Measures")
      ->capture_default_str();
  add_network_options(command, options->network);
  add_picture_options(command, options->network);
  add_device_options(command, options->device);
  add_optimise_option(command, options->device);
  add("--out", options->out, "Folder for the rows of every picture and the result", "DIR", "Output")
      ->capture_default_str();
  command.add_flag("--resume", options->resume, "Go on with the run in that folder")->group("Output");
  command.add_flag("--json", options->json, "Print the result as JSON (see tools/README.md)")
      ->group("Output");
  options->console.add_options(command);
  command.footer(evaluate_footer());
  command.callback([options] { run_evaluate(*options); });
}

}  // namespace backlight::tools
