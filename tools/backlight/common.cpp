#include "tools/backlight/common.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "engine/runtime/cuda/devices.hpp"
#include "models/weights_location.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, Precision>, 3> kPrecisions{
    {{"strict", Precision::strict}, {"tf32", Precision::tf32}, {"f16", Precision::f16}}};

constexpr std::array<std::pair<std::string_view, Optimisations>, 3> kOptimisations{
    {{"none", Optimisations::none()}, {"exact", Optimisations::exact()}, {"all", Optimisations::all()}}};

constexpr std::array<std::pair<std::string_view, ScoreFunction>, 2> kScoreFunctions{
    {{"softmax", ScoreFunction::softmax}, {"sigmoid", ScoreFunction::sigmoid}}};

/// The arithmetic of a family, without its sizes.
PreprocessingParts preprocessing_named(std::string_view name) {
  using Make = Preprocessing (*)(int, int);
  constexpr std::array<std::pair<std::string_view, Make>, 3> kFamilies{{
      {"imagenet", &Preprocessing::torchvision},
      {"caffe", &Preprocessing::caffe},
      {"efficientnet-lite", &Preprocessing::efficientnet_lite},
  }};
  PreprocessingParts parts = PreprocessingParts::of(parse_choice("preprocessing", name, kFamilies)(1, 1));
  parts.input_size.reset();
  parts.resize_size.reset();
  parts.interpolation.reset();
  return parts;
}

/// None for the name of a file.
LabelSet label_set_named(std::string_view name) {
  constexpr LabelSet kSets[] = {LabelSet::imagenet, LabelSet::cifar10, LabelSet::scenes};
  const auto* set = std::ranges::find(kSets, name, [](LabelSet s) { return name_of(s); });
  return set != std::end(kSets) ? *set : LabelSet::none;
}

/// `--input-size` for `input_size`.
std::string option_of(std::string part) {
  std::ranges::replace(part, '_', '-');
  return "--" + part;
}

fs::path weights_path(const NetworkOptions& options) {
  if (!options.weights.empty()) return options.weights;
  const std::string model(options.model.empty() ? kDefaultModel : options.model);
  static_cast<void>(model_info(model));  // a mistyped name is a usage error, not missing weights
  if (const auto shipped = shipped_weights(model)) return *shipped;
  if (const auto cached = cached_weights(model)) return *cached;
  if (weights_cache().empty())
    throw Error(
        ErrorKind::resources, "no weights of ", model,
        ": neither XDG_CACHE_HOME nor HOME is set, so there is no cache to look in; set one, or name a "
        "file with --weights");
  throw Error(ErrorKind::resources, "no weights of ", model, " in ", weights_cache().string(),
              "; run `tools/fetch_weights ", model, "`, or name a file with --weights");
}

}  // namespace

std::string joined(std::span<const std::string> items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

void add_network_options(CLI::App& command, NetworkOptions& options) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->group("Network")->type_name(type);
  };
  add("--weights", options.weights, "FILE",
      "PyTorch checkpoint or safetensors file [EfficientNet-Lite0 from the cache]");
  add("--model", options.model, "NAME", "Its architecture, where the file leaves a doubt");
  add("--key", options.key, "KEY", "Which dictionary of a training checkpoint to take");
  add("--prefix", options.prefix, "PREFIX",
      "What the tensors' names begin with, where FILE holds several networks");
  command
      .add_flag("--ignore-unused", options.ignore_unused,
                "Go on where the file has tensors that the network does not use and that would compute")
      ->group("Network");
}

void add_picture_options(CLI::App& command, NetworkOptions& options, const char* group) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->group(group)->type_name(type);
  };
  add("--labels", options.labels, "FILE|SET",
      "Class names: a file of lines or JSON, or imagenet, cifar10, scenes");
  add("--preprocessing", options.preprocessing, "NAME",
      "Override how pixels are normalised: imagenet, caffe, efficientnet-lite");
  add("--scores", options.scores, "NAME",
      "How scores become probabilities: softmax (one class is right), sigmoid (each by itself)");
  const auto add_part = [&](const char* part, const char* type, const char* help) {
    command
        .add_option_function<std::string>(
            option_of(part),
            [&options, part](const std::string& v) { options.preprocessing_parts[part] = v; }, help)
        ->group(group)
        ->type_name(type);
  };
  add_part("input_size", "N", "Side of the network's input in pixels");
  add_part("resize_size", "N", "Length of a picture's short side before the centre crop");
  add_part("interpolation", "NAME", "How a picture is resized: bilinear, bicubic, lanczos");
  add_part("mean", "R,G,B",
           "What is subtracted from samples of 0 to 1, or of 0 to 255 with a number above 1");
  add_part("std", "R,G,B", "What they are divided by then");
}

std::filesystem::path labels_file(const NetworkOptions& options) {
  return label_set_named(options.labels) == LabelSet::none ? options.labels : std::string();
}

LoadOptions load_options(const NetworkOptions& options) {
  LoadOptions load;
  load.model = options.model;
  load.key = options.key;
  load.prefix = options.prefix;
  load.ignore_unused = options.ignore_unused;
  load.label_set = label_set_named(options.labels);
  load.labels = labels_file(options);
  if (!options.preprocessing.empty())
    load.preprocessing_parts.push_back(preprocessing_named(options.preprocessing));
  PreprocessingParts parts;
  for (const auto& [part, value] : options.preprocessing_parts)
    set_part(parts, part, value, {ErrorKind::usage, option_of(part)});
  load.preprocessing_parts.push_back(parts);
  if (!options.scores.empty()) load.scores = parse_choice("scores", options.scores, kScoreFunctions);
  return load;
}

void note_labels(const Model& model, Console& console) {
  if (model.labels_from != LabelsFrom::assumed) return;
  const std::string_view set = name_of(model.info.labels);
  console.note("the names of classes are assumed: ", model.weights.string(), " has ", model.labels.size(),
               " classes like ", set, ", but does not say what they are; --labels ", set,
               " confirms the names, --labels FILE gives others");
}

std::string left_out_text(std::span<const std::string> names) {
  constexpr std::size_t kShown = 3;
  const std::size_t shown = std::min(names.size(), kShown);
  return text(counted(names.size(), "unused tensor"), " (", joined(names.first(shown)),
              shown < names.size() ? text(" and ", names.size() - shown, " more)") : ")");
}

Model load_network(const NetworkOptions& options, Console& console) {
  const fs::path path = weights_path(options);
  Model model = load_model(path, load_options(options));
  console.detail(model.weights.string(), ": ", model.info.name, ", ", model.labels.size(),
                 " classes, SHA-256 ", model.weights_sha256);
  if (!model.left_out.empty())
    console.note(model.weights.string(), ": ", left_out_text(model.left_out), " left out");
  for (const std::string& assumption : model.assumptions)
    console.note(model.weights.string(), ": ", assumption);
  for (const std::string& note : model.notes) console.detail(model.weights.string(), ": ", note);
  return model;
}

BareModel load_or_build_network(const NetworkOptions& options, Console& console) {
  if (!options.weights.empty()) {
    Model model = load_network(options, console);
    return {model.info, std::move(model.network), std::move(model.left_out)};
  }
  const ModelInfo& info = model_info(options.model.empty() ? kDefaultModel : options.model);
  const std::size_t labels = built_in_labels(info.labels).names.size();
  return {info, build_model(info.name, static_cast<std::int64_t>(labels > 0 ? labels : 1000))};
}

void add_device_options(CLI::App& command, DeviceOptions& options) {
  command.add_option("--device", options.device, "Where to compute: auto, cpu, cuda, cuda:N")
      ->group("Computation")
      ->type_name("NAME");
  command
      .add_option("--precision", options.precision,
                  "How a GPU multiplies: strict (float32), tf32, f16; the CPU is always strict")
      ->group("Computation")
      ->type_name("NAME");
  command
      .add_flag("--autotune", options.autotune,
                "On a GPU: measure cuDNN's algorithms for each convolution and keep the fastest")
      ->group("Computation");
  command
      .add_option("--threads", options.threads, "Threads to use [all processors that the process may use]")
      ->group("Computation")
      ->option_text("N")
      ->check(CLI::Range(1, 1024));
  add_isa_option(command, options.isa);
}

void add_isa_option(CLI::App& command, std::string& isa) {
  command
      .add_option(
          "--isa", isa,
          "Which of the CPU's matrix kernels to use: avx512, avx2, portable; auto: the widest that it has")
      ->group("Computation")
      ->type_name("NAME")
      ->capture_default_str();
}

void add_optimise_option(CLI::App& command, DeviceOptions& options) {
  command
      .add_option("--optimise", options.optimise,
                  "none: layer by layer, as the network is written; exact: faster, to the same bits; all: "
                  "fastest for "
                  "many pictures, with other roundings, by Winograd's algorithm and batch norm as part of "
                  "convolutions")
      ->group("Computation")
      ->type_name("NAME")
      ->capture_default_str();
}

Optimisations optimisations(const DeviceOptions& options, std::size_t pictures) {
  Optimisations chosen = parse_choice("optimisation", options.optimise, kOptimisations);
  chosen.pack = chosen.pack && pictures > 1;  // takes longer than it saves for one
  return chosen;
}

Context make_context(const DeviceOptions& options, Console& console) {
  const Precision precision = parse_choice("precision", options.precision, kPrecisions);
  const cpu::Isa isa = cpu::isa_named(options.isa);
  Device device;
  const bool asked = !options.device.empty();
  if (asked && options.device != "auto") {
    device = Device::parse(options.device);
  } else if (const cuda::Devices all = cuda::devices(); all.build == cuda::Build::real) {
    const std::string why = text("no CUDA device can be used (", all.obstacle, "): computing on the CPU");
    if (!all.found.empty())
      device = {Device::Kind::cuda, 0};
    else if (asked)
      console.note(why);
    else
      console.detail(why);
  }
  Context context(device, options.threads, precision, isa);
  context.tune(options.autotune);
  return context;
}

std::string_view name_of(Precision precision) {
  for (const auto& [name, value] : kPrecisions)
    if (value == precision) return name;
  throw Error(ErrorKind::internal, "a precision without a name");
}

ExifOrientation parse_exif(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, ExifOrientation>, 2> kChoices{
      {{"apply", ExifOrientation::apply}, {"ignore", ExifOrientation::ignore}}};
  return parse_choice("exif", name, kChoices);
}

StoredType parse_dtype(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, StoredType>, 3> kTypes{
      {{"f32", StoredType::f32}, {"f16", StoredType::f16}, {"bf16", StoredType::bf16}}};
  return parse_choice("dtype", name, kTypes);
}

Fit parse_fit(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Fit>, 3> kFits{
      {{"crop", Fit::crop}, {"stretch", Fit::stretch}, {"none", Fit::none}}};
  return parse_choice("fit", name, kFits);
}

}  // namespace backlight::tools
