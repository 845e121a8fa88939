// backlight convert: any checkpoint to safetensors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "engine/core/version.hpp"
#include "models/model_card.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/inputs.hpp"
#include "tools/backlight/outputs.hpp"
#include "weights/checkpoint.hpp"
#include "weights/safetensors.hpp"

namespace backlight::tools {
namespace {

struct ConvertOptions {
  std::string file, output, dtype = "f32";
  NetworkOptions network;
  bool force = false;
  Console console;
};

/// What the file is to say of itself: what it said, what is known of it, and what the options say. Empty
/// where it fits no network and nobody says anything.
std::map<std::string, std::string> card_of(const Checkpoint& file, const NetworkOptions& network) {
  LoadOptions load = load_options(network);
  load.ignore_unused = true;  // who explains decides
  const LoadCheck check = check_load(file, load);
  if (check.card) return metadata_of(check.architecture, *check.card);
  const bool asked = !network.model.empty() || !network.labels.empty() || !network.preprocessing.empty() ||
                     !network.preprocessing_parts.empty() || !network.scores.empty();
  const bool said =
      std::ranges::any_of(file.metadata(), [](const auto& each) { return Metadata::is_own(each.first); });
  if (asked || said) throw Error(check.refusal_kind, check.refusal);
  return {};
}

void run_convert(ConvertOptions& options) {
  const StoredType dtype = parse_dtype(options.dtype);
  const std::string output = options.output == "-" ? "/dev/stdout" : options.output;
  Inputs inputs;
  inputs.add(options.file);
  inputs.add(labels_file(options.network));
  inputs.keep_from(output);
  if (!options.force) require_free(output);
  const Checkpoint file =
      Checkpoint::open(options.file, {.key = options.network.key, .prefix = options.network.prefix});
  // Names that other tensors' names lean on stay as they are.
  const bool shorter = covers(file.prefix(), file.as_stored());
  const std::vector<StoredTensor>& tensors = shorter ? file.tensors() : file.as_stored();

  std::map<std::string, std::string> metadata = file.metadata();
  std::erase_if(metadata, [](const auto& each) { return Metadata::is_own(each.first); });
  metadata.merge(card_of(file, options.network));
  metadata["format"] = "pt";
  metadata["source"] = file.path().filename().string();
  metadata["source_sha256"] = file.sha256();
  metadata["converted_by"] = "backlight " + std::string(version());

  std::vector<TensorToWrite> to_write;
  for (const StoredTensor& tensor : tensors) to_write.push_back({tensor.name(), &tensor});
  write_safetensors(output, to_write, metadata, {.dtype = dtype, .overwrite = options.force});
  const auto architecture = metadata.find("backlight.architecture");
  options.console.note(output, ": ", counted(tensors.size(), "tensor"), " as ", name_of(dtype),
                       architecture == metadata.end() ? std::string() : ", " + architecture->second);
}

constexpr const char* kConvertFooter = R"(Examples:
  backlight convert resnet18-f37072fd.pth -o resnet18.safetensors
  backlight convert checkpoint.pt --key ema --dtype f16 -o ema.safetensors
  backlight convert mine.pth -o birds.safetensors --labels birds.txt --input-size 256 --interpolation bicubic
  backlight convert resnet18-f37072fd.pth -o - | ssh host 'cat > resnet18.safetensors')";

}  // namespace

void add_convert_command(CLI::App& app) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App& command = *app.add_subcommand("convert", "Convert a PyTorch checkpoint to safetensors");
  command.add_option("FILE", options->file, "PyTorch checkpoint or safetensors file")->required();
  command.add_option("-o,--output", options->output, "The safetensors file to write; - for standard output")
      ->required()
      ->type_name("OUT");
  command.add_option("--dtype", options->dtype, "Type of floating-point values: f32, f16, bf16")
      ->capture_default_str()
      ->type_name("NAME");
  command.add_option("--key", options->network.key, "Which dictionary of a training checkpoint to take")
      ->type_name("KEY");
  command
      .add_option("--prefix", options->network.prefix,
                  "Take only tensors whose names begin with this, and leave it out")
      ->type_name("PREFIX");
  command.add_option("--model", options->network.model, "The architecture, where the tensors leave a doubt")
      ->type_name("NAME");
  add_picture_options(command, options->network, "What OUT says of itself");
  command.add_flag("--force", options->force, "Overwrite OUT");
  options->console.add_options(command);
  command.footer(kConvertFooter);
  command.callback([options] { run_convert(*options); });
}

}  // namespace backlight::tools
