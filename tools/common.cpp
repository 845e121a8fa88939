#include "tools/common.hpp"

#include <CLI/CLI.hpp>

#include "engine/cuda/devices.hpp"
#include "models/weights_location.hpp"
#include "tools/memory.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, Precision>, 3> kPrecisions{
    {{"strict", Precision::strict}, {"tf32", Precision::tf32}, {"f16", Precision::f16}}};

/// The network's own sizes, with the arithmetic of another family.
Preprocessing preprocessing_named(std::string_view name, const Preprocessing& own) {
  using Make = Preprocessing (*)(int, int);
  constexpr std::array<std::pair<std::string_view, Make>, 3> kFamilies{{
      {"imagenet", &Preprocessing::torchvision},
      {"caffe", &Preprocessing::caffe},
      {"efficientnet-lite", &Preprocessing::efficientnet_lite},
  }};
  return parse_choice("preprocessing", name, kFamilies)(own.input_size, own.resize_size);
}

fs::path weights_path(const NetworkOptions& options) {
  if (!options.weights.empty()) return options.weights;
  const std::string model(options.model.empty() ? kDefaultModel : options.model);
  static_cast<void>(model_info(model));  // a mistyped name is a usage error, not missing weights
  if (const auto shipped = shipped_weights(model)) return *shipped;
  if (const auto cached = cached_weights(model)) return *cached;
  if (weights_cache().empty())
    throw Error(ErrorKind::resources, "no weights of ", model,
                ": neither XDG_CACHE_HOME nor HOME is set, so there is no cache to look in; set one, or name a "
                "file with --weights");
  throw Error(ErrorKind::resources, "no weights of ", model, " in ", weights_cache().string(),
              "; run `tools/fetch_weights ", model, "`, or name a file with --weights");
}

}  // namespace

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

void add_picture_options(CLI::App& command, NetworkOptions& options) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->group("Network")->type_name(type);
  };
  add("--labels", options.labels, "FILE", "Class names, one per line or a JSON list");
  add("--preprocessing", options.preprocessing, "NAME",
      "Override how pixels are normalised: imagenet, caffe, efficientnet-lite");
}

std::string left_out_text(std::span<const std::string> names) {
  constexpr std::size_t kShown = 3;
  std::string out = text(names.size(), " unused ", names.size() == 1 ? "tensor" : "tensors", " (");
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    out += (i > 0 ? ", " : "") + printable(names[i]);
  return out + (names.size() > kShown ? text(" and ", names.size() - kShown, " more)") : ")");
}

Model load_network(const NetworkOptions& options, Console& console) {
  const fs::path path = weights_path(options);
  LoadOptions load;
  load.model = options.model;
  load.key = options.key;
  load.prefix = options.prefix;
  load.ignore_unused = options.ignore_unused;
  load.labels = options.labels;
  // The sizes to keep are those of the architecture, which is known only once the file has been recognised.
  if (!options.preprocessing.empty()) preprocessing_named(options.preprocessing, {});
  Model model = load_model(path, load);
  if (!options.preprocessing.empty())
    model.info.preprocessing = preprocessing_named(options.preprocessing, model.info.preprocessing);
  console.detail(model.weights.string(), ": ", model.info.name, ", ", model.labels.size(),
                 " classes, SHA-256 ", model.weights_sha256);
  if (!model.left_out.empty())
    console.note(printable(model.weights.string()), ": ", left_out_text(model.left_out), " left out");
  for (const std::string& note : model.notes) console.detail(model.weights.string(), ": ", note);
  return model;
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
  command.add_option("--threads", options.threads, "Threads to use [all processors]")
      ->group("Computation")
      ->option_text("N")
      ->check(CLI::Range(1, 1024));
}

Context make_context(const DeviceOptions& options, Console& console) {
  const Precision precision = parse_choice("precision", options.precision, kPrecisions);
  Device device;
  if (options.device != "auto") {
    device = Device::parse(options.device);
  } else if (const cuda::Devices all = cuda::devices(); all.build == cuda::Build::real) {
    if (all.found.empty())
      console.note("no CUDA device can be used (", all.obstacle, "): computing on the CPU");
    else
      device = {Device::Kind::cuda, 0};
  }
  Context context(device, options.threads, precision);
  context.tune(options.autotune);
  return context;
}

std::string_view name_of(Precision precision) {
  for (const auto& [name, value] : kPrecisions)
    if (value == precision) return name;
  throw Error(ErrorKind::internal, "a precision without a name");
}

const std::string& default_layer(const ModelInfo& info, Preset preset) {
  switch (preset) {
    case Preset::paper:
      return info.default_layers.paper;
    case Preset::pytorch_grad_cam:
      return info.default_layers.pytorch_grad_cam;
    case Preset::captum:
      return info.default_layers.captum;
    case Preset::torch_cam:
      return info.default_layers.torch_cam;
  }
  throw Error(ErrorKind::internal, "a preset without a default layer");
}

Fitted fit_picture(const Image& image, const Model& model, Fit fit, bool backward_to_input) {
  if (fit == Fit::none) {
    const Shape input{1, 3, image.height, image.width};
    std::int64_t needed = 0;
    try {
      needed = least_memory(model.network, input, backward_to_input);
    } catch (const Error& error) {
      throw Error(ErrorKind::bad_input, "the picture is ", image.width, "×", image.height, ", a size that ",
                  model.info.name, " does not take: ", error.what(), "; use --fit crop or stretch");
    }
    if (const std::int64_t there = free_memory(); needed > there)
      throw Error(ErrorKind::resources, "the picture is ", image.width, "×", image.height, ", for which ",
                  model.info.name, " needs ", needed >> 20, " MiB at least, and ", there >> 20,
                  " are free; use --fit crop or stretch");
  }
  return preprocess(image, model.info.preprocessing, fit);
}

Fit parse_fit(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Fit>, 3> kFits{
      {{"crop", Fit::crop}, {"stretch", Fit::stretch}, {"none", Fit::none}}};
  return parse_choice("fit", name, kFits);
}

}  // namespace backlight::tools
