// backlight study make: chooses pictures, explains them, and writes the pages of a study with its key.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tools/backlight/batch.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/scores.hpp"
#include "tools/evaluate/data_options.hpp"
#include "tools/study/commands.hpp"
#include "tools/study/pages.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kUsualItems = 90, kUsualScenes = 400;

struct MakeOptions {
  std::string kind;
  fs::path data;
  DataOptions reading;
  std::string fit = "stretch", exif = "apply", preset = "pytorch-grad-cam";
  std::vector<std::string> weights, models;
  NetworkOptions network;  ///< what is the same of all
  DeviceOptions device;
  std::size_t items = 0, limit = 0, participants = 40;
  double floor = 0.05;
  std::uint64_t seed = 1;
  fs::path out = "backlight-study";
  bool force = false;
  Console console;
};

constexpr const char* kNoSecondNetwork =
    "a study of trust compares two networks; name them by --weights FILE and --model NAME, each once or "
    "twice. For drawn "
    "scenes `backlight train --steps 600 --out weaker.safetensors` makes a weaker one, for `backlight study "
    "make trust "
    "--model backlight_scenes --weights weaker.safetensors`";

std::vector<NetworkOptions> networks_of(const MakeOptions& options, StudyKind kind) {
  std::vector<NetworkOptions> networks;
  const auto add = [&](std::string NetworkOptions::*member, const std::string& value) {
    networks.push_back(options.network);
    networks.back().*member = value;
  };
  for (const std::string& name : options.models) add(&NetworkOptions::model, name);
  for (const std::string& file : options.weights) add(&NetworkOptions::weights, file);
  if (kind == StudyKind::trust && networks.size() != 2) throw Error(ErrorKind::usage, kNoSecondNetwork);
  if (networks.empty())
    add(&NetworkOptions::model, std::string(options.data.empty() ? "backlight_scenes" : kDefaultModel));
  return networks;
}

/// How many items there can be, of those asked for; kPractice candidates are for practice.
std::size_t count_items(const MakeOptions& options, StudyKind kind, const StudyCandidates& candidates) {
  const std::size_t found = candidates.found.size();
  const std::size_t items =
      options.items > 0 ? options.items : std::min(kUsualItems, found - std::min(found, kPractice));
  if (items == 0 || found < items + kPractice) {
    const std::size_t wanted = std::max<std::size_t>(1, items) + kPractice;
    throw Error(ErrorKind::bad_input, found, " of ", counted(candidates.looked_at, "picture"),
                " serve, expected ", wanted, ", of which ", kPractice, " are for practice: of ",
                name_of(kind), " those serve ",
                kind == StudyKind::trust ? "of which both networks predict the same class rightly"
                                         : text("that have two classes, both with a probability of ",
                                                options.floor, " at least for every network"),
                "; give more pictures (--limit), ", kind == StudyKind::trust ? "" : "a lower --floor, ",
                "or fewer --items");
  }
  return items;
}

Json network_json(const StudyNetwork& network, std::size_t right, std::size_t looked_at) {
  const Model& model = network.model();
  return {{"architecture", model.info.name},
          {"weights", model.weights.string()},
          {"weights_sha256", model.weights_sha256},
          {"top1", static_cast<double>(right) / static_cast<double>(looked_at)}};
}

std::size_t better_of(std::span<const std::size_t> right) {
  if (right[0] == right[1])
    throw Error(ErrorKind::bad_input, "both networks are right about ", counted(right[0], "picture"),
                ", so that neither is the better one; give another network, or more pictures");
  return right[1] > right[0] ? 1 : 0;
}

/// Names of classes, and of how many items each is one.
Json categories_json(std::span<const StudyCandidate> items, const StudyNetwork& network, std::size_t index) {
  std::map<std::string, int> counts;
  for (const StudyCandidate& item : items)
    for (const std::int64_t c : std::set(item.classes[index].begin(), item.classes[index].end()))
      ++counts[network.name_of_class(c)];
  Json json = Json::object();
  for (const auto& [name, count] : counts) json[name] = count;
  return json;
}

void check_outputs(const MakeOptions& options, StudyKind kind, const Inputs& inputs) {
  std::vector<fs::path> files{options.out / "key.json", options.out / "design.json"};
  for (std::size_t list = 0; list < count_conditions(kind); ++list)
    files.push_back(options.out / text("pages/list-", list, ".html"));
  for (const fs::path& file : files) {
    inputs.keep_from(file);
    if (!options.force) require_free(file);
  }
}

void run_make(MakeOptions& options) {
  Console& console = options.console;
  const StudyKind kind = parse_study_kind(options.kind);
  Request request;
  request.fit = parse_fit(options.fit);
  request.question.preset = parse_preset(options.preset);
  const ExifOrientation exif = parse_exif(options.exif);
  const DataSetOptions how = options.reading.parsed();
  const std::vector<NetworkOptions> asked = networks_of(options, kind);
  Inputs inputs;
  for (const fs::path& file : {options.data, fs::path(labels_file(options.network))}) inputs.add(file);
  for (const std::string& file : options.weights) inputs.add(file);
  check_outputs(options, kind, inputs);

  Json errors = Json::array();
  const int objects = kind == StudyKind::discrimination ? 2 : 1;
  // Scenes that ship's network was not trained on: of another seed.
  const std::vector<StudyPicture> pictures =
      options.data.empty()
          ? drawn_pictures(options.limit > 0 ? options.limit : kUsualScenes, objects, 1000 + options.seed)
          : read_pictures(options.data, how, options.limit, options.seed, exif, console, errors);
  Context context = make_context(options.device, console);
  StudyNetworks networks;
  for (const NetworkOptions& network : asked)
    networks.push_back(std::make_unique<StudyNetwork>(network, request, techniques(kind), context, console));
  const StudyCandidates candidates =
      find_candidates(kind, pictures, networks, options.floor, console, errors);
  const std::size_t items = count_items(options, kind, candidates);
  const std::size_t better = kind == StudyKind::trust ? better_of(candidates.right) : 0;

  std::vector<Categories> categories;
  for (const StudyCandidate& candidate : candidates.found) categories.push_back(candidate.classes[better]);
  std::vector<StudyCandidate> chosen;
  for (const std::size_t i : balanced_choice(categories, items + kPractice, options.seed))
    chosen.push_back(candidates.found[i]);
  const std::span all(chosen);
  Study study = make_study(
      {kind, pictures, all.first(items), all.subspan(items), networks, better, options.seed}, console);

  Json design{{"kind", name_of(kind)}, {"seed", options.seed}};
  design["data"] = options.data.empty() ? Json() : Json(options.data.string());
  design["looked_at"] = candidates.looked_at;
  design["serve"] = candidates.found.size();
  design["errors"] = errors;
  design["networks"] = Json::array();
  for (std::size_t n = 0; n < networks.size(); ++n)
    design["networks"].push_back(network_json(*networks[n], candidates.right[n], candidates.looked_at));
  design["better"] = kind == StudyKind::trust ? Json(better) : Json();
  design["floor"] = kind == StudyKind::discrimination ? Json(options.floor) : Json();
  design["preset"] = name_of(request.question.preset);
  design["fit"] = options.fit;
  design["techniques"] = Json::array();
  for (const Technique& technique : techniques(kind)) design["techniques"].push_back(technique.name);
  design["items"] = items;
  design["categories"] = categories_json(all.first(items), *networks[better], better);
  design["checks"] = count_checks(items);
  design["block"] = kBlock;
  design["rules"] = {{"max_failed_checks", kMaxFailedChecks}, {"min_median_ms", kMinMedianMs}};
  design.update(study.design);
  study.design = std::move(design);
  make_folder(options.out / "pages");
  std::uintmax_t bytes = 0;
  for (const auto& [name, content] : study_files(std::move(study), options.participants, options.seed)) {
    write_text(options.out / name, content);
    console.print_unless_quiet(printable((options.out / name).string()) + "\n");
    bytes = std::max<std::uintmax_t>(bytes, content.size());
  }
  console.note(items, " of ", candidates.found.size(), " pictures that serve, ", count_conditions(kind),
               " pages of up to ", decimal(static_cast<double>(bytes) / 1e6, 1),
               " MB; participant N gets list N modulo ", count_conditions(kind), ". The key stays with you");
  if (!errors.empty()) throw CLI::RuntimeError(kSomeFailed);
}

constexpr const char* kMakeFooter = R"(KIND is
  discrimination  pictures of two classes; each is explained for one of them: which one? (Grad-CAM, section 5.1)
  trust           two networks, both right: whose explanation looks more reliable? (section 5.2)

DATA is what `backlight evaluate` reads; without it scenes are drawn. Of discrimination pictures serve that have two
classes, of trust those of which both networks predict the same true class. The better network is the one that is right
about more pictures of DATA.

How many people: 10 who answer 90 questions each give 225 ratings a technique, ±6.5 points before clustering. To tell
61 from 53 % takes about 600 ratings a technique, 27 such people.

Publishing results of a study with people needs whatever approval the publisher's institution asks for.

Examples:
  backlight study make discrimination
  backlight study make discrimination photos.csv --items 40 --model vgg16 --out cats-or-dogs
  backlight study make trust VOC2007 --weights vgg16-voc.pth --weights alexnet-voc.pth)";

}  // namespace

void add_study_make_command(CLI::App& app) {
  auto options = std::make_shared<MakeOptions>();
  CLI::App& command =
      *app.add_subcommand("make", "Make the pages of a study, the key to them and the design");
  const auto add = [&](const char* name, auto& value, const std::string& help, const char* type,
                       const char* group) {
    return command.add_option(name, value, help)->group(group)->type_name(type);
  };
  add("KIND", options->kind, "discrimination or trust; see below", "KIND", "Study")->required();
  add("DATA", options->data, "Pictures with the names of what is on them [drawn scenes]", "PATH", "Study");
  add("--items", options->items, "Pictures of which each is asked about once [as many as serve, up to 90]",
      "N", "Study")
      ->check(CLI::Range(1, 1000));
  add("--participants", options->participants, "Up to which number orders are drawn", "N", "Study")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  add("--floor", options->floor, "Least probability of both classes of a picture", "P", "Study")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  add("--seed", options->seed, "Another seed, another study of the same pictures", "N", "Study")
      ->capture_default_str();
  add_data_options(command, options->reading);
  add("--limit", options->limit,
      "Look at so many pictures only, chosen by the seed; of scenes, draw so many [all; 400 scenes]", "N",
      "Data")
      ->check(CLI::Range(1, 1'000'000));
  add("--exif", options->exif, kExifHelp, "NAME", "Data")->capture_default_str();
  add("--fit", options->fit, kFitHelp, "NAME", "Data")->capture_default_str();
  add("--preset", options->preset, kPresetHelp, "NAME", "Data")->capture_default_str();
  add("--weights", options->weights,
      "A network's checkpoint; once for each network [EfficientNet-Lite0; of scenes backlight_scenes]",
      "FILE", "Network")
      ->allow_extra_args(false);
  add("--model", options->models, "A network by name, from the cache or shipped; once for each", "NAME",
      "Network")
      ->allow_extra_args(false);
  add_picture_options(command, options->network);
  add_device_options(command, options->device);
  add("--out", options->out, "Folder for pages/, key.json and design.json", "DIR", "Output")
      ->capture_default_str();
  command.add_flag("--force", options->force, "Overwrite a study there")->group("Output");
  options->console.add_options(command);
  command.footer(kMakeFooter);
  command.callback([options] { run_make(*options); });
}

}  // namespace backlight::tools
