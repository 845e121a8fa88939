// What several commands share: choosing a network and its weights, and reading values with near matches.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/nearest.hpp"
#include "engine/explain/display.hpp"
#include "engine/run/program.hpp"
#include "models/model.hpp"
#include "tools/backlight/console.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight::tools {

/// `a, b, c`
std::string joined(std::span<const std::string> items);

/// The value that `name` stands for. Throws Error(usage) with near matches and the whole list.
template <class T, std::size_t N>
T parse_choice(std::string_view what, std::string_view name,
               const std::array<std::pair<std::string_view, T>, N>& choices) {
  std::vector<std::string> names;
  for (const auto& [choice, value] : choices) {
    if (choice == name) return value;
    names.emplace_back(choice);
  }
  throw Error(ErrorKind::usage, "unknown ", what, " '", name, "'", did_you_mean(name, names), "; expected ",
              joined(names));
}

/// Appends a value that is not there yet.
template <class T>
void add_once(std::vector<T>& values, T value) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(std::move(value));
}

/// f32, f16 or bf16. Throws Error(usage) for another name.
StoredType parse_dtype(std::string_view name);

/// The network of every command where neither a file nor a network is named.
inline constexpr std::string_view kDefaultModel = "efficientnet_lite0";

struct NetworkOptions {
  std::string weights, model, key, prefix, labels, preprocessing, scores;
  std::map<std::string, std::string> preprocessing_parts;  ///< `input_size`, `mean` …, those that were given
  bool ignore_unused = false;
};

/// Adds --weights --model --key --prefix --ignore-unused.
void add_network_options(CLI::App& command, NetworkOptions& options);
/// Adds --labels --preprocessing --input-size --resize-size --interpolation --mean --std, for commands that
/// read pictures or write what a file says of them.
void add_picture_options(CLI::App& command, NetworkOptions& options, const char* group = "Network");

/// The file that --labels names; empty for none, and for a set.
std::filesystem::path labels_file(const NetworkOptions& options);

/// What the options say of labels and preprocessing. Throws Error(usage) naming the option.
LoadOptions load_options(const NetworkOptions& options);

/// Says where names of classes were only assumed.
void note_labels(const Model& model, Console& console);

/// `20 unused tensors (bn1.num_batches_tracked, … and 17 more)`
std::string left_out_text(std::span<const std::string> names);

/// Loads the network asked for, saying what was left out; without --weights the file in the user's cache, or
/// the one that ships. Throws Error(resources) saying how to get the file where there is none.
Model load_network(const NetworkOptions& options, Console& console);

/// A network with the weights of a file, or as it is built.
struct BareModel {
  ModelInfo info;
  Network network;
  std::vector<std::string> left_out = {};
};

/// The network of --weights, or the bare architecture with as many classes as its built-in labels: of the
/// network that explain takes, where none is named.
BareModel load_or_build_network(const NetworkOptions& options, Console& console);

struct DeviceOptions {
  std::string device, precision = "strict", isa = "auto";  ///< no device: auto, and not a word about it
  int threads = 0;
  bool autotune = false;
  std::string optimise = "exact";
};

/// Adds --device --threads --isa --precision --autotune.
void add_device_options(CLI::App& command, DeviceOptions& options);
/// `auto` is the first GPU, or the CPU, which a build for GPUs says when it finds none. Throws Error(usage)
/// for an unknown device or instruction set, Error(unsupported) for a device that this build lacks and instructions
/// that the processor lacks, Error(resources) for a device that this machine lacks.
Context make_context(const DeviceOptions& options, Console& console);
/// Adds --isa.
void add_isa_option(CLI::App& command, std::string& isa);
/// Adds --optimise.
void add_optimise_option(CLI::App& command, DeviceOptions& options);
/// What --optimise asks, for so many pictures. Throws Error(usage) for an unknown name.
Optimisations optimisations(const DeviceOptions& options, std::size_t pictures);
std::string_view name_of(Precision precision);

Fit parse_fit(std::string_view name);
ExifOrientation parse_exif(std::string_view name);

/// Text for --preset's help.
inline constexpr const char* kPresetHelp =
    "Whose pictures to make: paper, pytorch-grad-cam, captum, torch-cam, paper-code [pytorch-grad-cam]";
inline constexpr const char* kFitHelp =
    "How the picture meets the network: crop (short side, then the centre), stretch (both sides), none (own "
    "size)";
inline constexpr const char* kExifHelp = "Whether the EXIF tag turns a picture upright: apply, ignore";

}  // namespace backlight::tools
