// backlight train: trains backlight_scenes on scenes, for their classes or tags, and writes its weights.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "engine/core/output_file.hpp"
#include "engine/train/init.hpp"
#include "engine/train/trainer.hpp"
#include "models/labels/label_file.hpp"
#include "models/language/tags.hpp"
#include "models/model.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes/evaluate.hpp"
#include "models/scenes/shapes.hpp"
#include "models/scenes_net.hpp"
#include "models/weights_location.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/outputs.hpp"
#include "weights/safetensors.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

enum class Task : std::uint8_t { classes, tags };
constexpr std::array<std::pair<std::string_view, Task>, 2> kTasks = {
    {{"classes", Task::classes}, {"tags", Task::tags}}};

struct TrainOptions {
  std::string task_name = "classes";
  Task task = Task::classes;
  std::uint64_t seed = 1;
  std::int64_t steps = 2000;
  double epochs = 0;  ///< instead of steps, when positive
  scenes::TrainingSet data;
  std::optional<double> learning_rate;
  fs::path start;  ///< weights to begin with; only of tags
  std::string start_sha256;
  fs::path out, checkpoint;
  std::int64_t checkpoint_every = 100;
  std::int64_t evaluate = 1000;
  bool resume = false, force = false;
  bool streams = false;  ///< the result goes to a device or a pipe, which may be standard output
  DeviceOptions device;
  Console console;
};

/// What decides the outcome beside the trainer's own options.
std::map<std::string, std::string> settings(const TrainOptions& options) {
  std::map<std::string, std::string> all = {{"backlight.architecture", "backlight_scenes"},
                                            {"data.seed", std::to_string(options.data.seed)},
                                            {"data.scenes", std::to_string(options.data.scenes)},
                                            {"data.batch", std::to_string(options.data.batch)}};
  if (options.task == Task::tags) {
    all["task"] = "tags";
    all["training.start"] = options.start_sha256;
  }
  return all;
}

/// With its first parameters: of tags, all but the last layer are those of the file to begin with.
Network first_network(const TrainOptions& options) {
  if (options.task == Task::classes) {
    Network network = scenes_net(scenes::kClasses);
    initialise(network, options.seed);
    return network;
  }
  Network start = scenes_net(scenes::kClasses), network = scenes_net(language::kTags);
  load_parameters(Checkpoint::open(options.start), start, "backlight_scenes");
  initialise(network, options.seed);
  const auto from = start.parameters();
  const auto to = network.parameters();
  for (std::size_t i = 0; i < to.size(); ++i)
    if (from[i].tensor->shape() == to[i].tensor->shape()) *to[i].tensor = std::move(*from[i].tensor);
  return network;
}

TrainerOptions trainer_options(const TrainOptions& options) {
  TrainerOptions of_trainer{.steps = options.steps, .warmup = options.steps / 20, .seed = options.seed};
  of_trainer.learning_rate = options.learning_rate.value_or(options.task == Task::tags ? 2e-3 : 0.1);
  if (options.task == Task::tags) of_trainer.optimiser = AdamOptions{.largest_norm = 5};
  return of_trainer;
}

Batch batch_of(const TrainOptions& options, Context& context, std::int64_t step) {
  const scenes::TrainingSet& data = options.data;
  return options.task == Task::tags ? language::tag_batch(context, data.seed, data.scenes, data.batch, step)
                                    : scenes::training_batch(context, data, step);
}

/// The checkpoint goes when the result is written, so that it must not be the result.
void require_two_files(const TrainOptions& options) {
  if (same_file(options.out, options.checkpoint))
    throw Error(
        ErrorKind::usage, options.out.string(),
        ": is the file of --checkpoint, too, which is removed at the end; name another with --checkpoint");
}

/// Fails now for what cannot be written after hours of training. A named pipe may have no reader yet.
void require_writable(const fs::path& path) {
  std::error_code none;
  if (!fs::is_fifo(path, none)) OutputFile probe(path);
}

/// Refuses to lose work: an existing result, or the checkpoint of an unfinished run.
void check_files(const TrainOptions& options) {
  require_two_files(options);
  if (!options.force) {
    require_free(options.out);
    if (!options.resume)
      require_free(options.checkpoint,
                   "a checkpoint of an earlier run: --resume goes on with it, --force starts anew");
  }
  require_writable(options.out);
  if (options.checkpoint.empty()) return;
  if (is_stream(options.checkpoint))
    throw Error(ErrorKind::usage, options.checkpoint.string(),
                ": is a device or a pipe, from which no run could go on; name a file with --checkpoint");
  require_writable(options.checkpoint);
}

std::string minutes_and_seconds(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%ld:%02ld", whole / 60, whole % 60);
  return buffer;
}

/// A line that is rewritten on a terminal, and one in a hundred steps elsewhere.
class Progress {
 public:
  Progress(Console& console, std::int64_t first_step, std::int64_t steps)
      : console_(console), first_(first_step), steps_(steps) {}

  void step_done(std::int64_t done, double loss) {
    // The first loss stands for itself; later ones are smoothed over about fifty steps.
    loss_ = done == first_ + 1 ? loss : 0.98 * loss_ + 0.02 * loss;
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double left = elapsed / static_cast<double>(done - first_) * static_cast<double>(steps_ - done);
    char what[64];
    std::snprintf(what, sizeof what, "loss %.3f, %s left", loss_, minutes_and_seconds(left).c_str());
    if (isatty(STDERR_FILENO) != 0)
      console_.progress(static_cast<std::size_t>(done), static_cast<std::size_t>(steps_), what);
    else if (done % 100 == 0 || done == steps_)
      console_.note("step ", done, " of ", steps_, ": ", what);
  }

 private:
  Console& console_;
  std::int64_t first_, steps_;
  double loss_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string rounded(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4f", value);
  return buffer;
}

struct Measured {
  std::string key, name;
  double value = 0;
};

/// On `options.evaluate` scenes of another seed.
std::vector<Measured> measure(const TrainOptions& options, const Network& network, Context& context,
                              std::uint64_t seed) {
  const NodeId layer = network.find("layer2");
  if (options.task == Task::tags) {
    const auto rates = language::tag_rates(network, context, layer, seed, options.evaluate);
    return {{"all_on_top", "all tags on top           ", rates.all_on_top},
            {"pointing.grad_cam", "pointing, Grad-CAM        ", rates.grad_cam}};
  }
  const double accuracy = scenes::classification_accuracy(network, context, seed, options.evaluate);
  const auto rates = scenes::pointing_rates(network, context, layer, seed, options.evaluate);
  return {{"accuracy", "accuracy                  ", accuracy},
          {"pointing.grad_cam", "pointing, Grad-CAM        ", rates.grad_cam},
          {"pointing.guided_backprop", "pointing, Guided Backprop ", rates.guided_backprop},
          {"pointing.deconvolution", "pointing, Deconvolution   ", rates.deconvolution}};
}

ClassNames names_of(Task task) {
  ClassNames tags;
  if (task == Task::classes) return built_in_labels(LabelSet::scenes);
  tags.names = language::tag_names();
  return tags;
}

/// Measures the network on scenes of another seed and writes it. The file is a function of the options alone:
/// no time, no host.
void finish(TrainOptions& options, const Network& network, Context& context) {
  Console& console = options.console;
  std::map<std::string, std::string> metadata = settings(options);
  metadata["backlight.labels"] = labels_json(names_of(options.task));
  metadata["training.steps"] = std::to_string(options.steps);
  metadata["training.seed"] = std::to_string(options.seed);
  if (options.evaluate > 0) {
    const std::uint64_t seed = options.data.seed + 1;
    const bool tags = options.task == Task::tags;
    console.note("measuring on ", options.evaluate, " scenes", tags ? "" : " of one object and ",
                 tags ? "" : std::to_string(options.evaluate) + " of two", ", seed ", seed);
    metadata["evaluation.seed"] = std::to_string(seed);
    metadata["evaluation.scenes"] = std::to_string(options.evaluate);
    for (const auto& [key, name, value] : measure(options, network, context, seed)) {
      metadata["evaluation." + key] = rounded(value);
      if (options.streams)
        console.note(name, rounded(value));
      else
        console.print_unless_quiet(name + rounded(value) + "\n");
    }
  }
  std::vector<Tensor> values;
  std::vector<TensorToWrite> tensors;
  const std::vector<ConstNamedParameter> parameters = network.parameters();
  values.reserve(parameters.size());
  for (const ConstNamedParameter& p : parameters)
    tensors.push_back({p.name, &values.emplace_back(context.to_host(*p.tensor))});
  require_two_files(options);
  write_safetensors(options.out, tensors, metadata, {.overwrite = true});
  if (!options.streams) console.print_unless_quiet(printable(options.out.string()) + "\n");
}

/// The network that ships.
fs::path shipped_start() {
  const auto shipped = shipped_weights("backlight_scenes");
  if (!shipped)
    throw Error(ErrorKind::resources,
                "the weights that ship were not found; name some of backlight_scenes with --start");
  return *shipped;
}

void run_train(TrainOptions& options) {
  Console& console = options.console;
  options.data.seed = options.seed;
  options.task = parse_choice("task", options.task_name, kTasks);
  if (options.task == Task::classes && !options.start.empty())
    throw Error(ErrorKind::usage,
                "--start is of --task tags; classes are trained from the first weights of --seed");
  if (options.task == Task::tags) {
    if (options.start.empty()) options.start = shipped_start();
    options.start_sha256 = Checkpoint::open(options.start).sha256();
  }
  if (options.epochs > 0) {
    const double images = options.epochs * static_cast<double>(options.data.scenes);
    options.steps = static_cast<std::int64_t>(std::ceil(images / options.data.batch));
  }
  if (options.out == "-") options.out = "/dev/stdout";
  options.streams = is_stream(options.out);
  const bool keep_checkpoints = !options.checkpoint.empty() || !options.streams;
  if (!keep_checkpoints && options.resume)
    throw Error(ErrorKind::usage, "--resume: no checkpoint lies beside ", options.out.string(),
                "; name it with --checkpoint");
  if (!keep_checkpoints) console.note("no checkpoint is kept; --checkpoint names one");
  if (keep_checkpoints && options.checkpoint.empty()) {
    options.checkpoint = options.out;
    options.checkpoint.replace_extension(".checkpoint.safetensors");
  }
  check_files(options);

  Context context = make_context(options.device, console);
  Network network = first_network(options);
  Trainer trainer(network, context, trainer_options(options));
  if (options.resume && is_taken(options.checkpoint)) {
    trainer.restore(options.checkpoint, settings(options));
    console.note("going on after step ", trainer.steps_done(), " of ", options.steps);
  }

  Progress progress(console, trainer.steps_done(), options.steps);
  while (trainer.steps_done() < options.steps) {
    const double loss = trainer.step(batch_of(options, context, trainer.steps_done()));
    progress.step_done(trainer.steps_done(), loss);
    if (keep_checkpoints && trainer.steps_done() % options.checkpoint_every == 0)
      trainer.save(options.checkpoint, settings(options));
  }
  console.end_progress();
  finish(options, network, context);
  std::error_code error;
  if (keep_checkpoints && !fs::remove(options.checkpoint, error) && error)
    console.warning(options.checkpoint.string(), ": the checkpoint cannot be removed (", error.message(),
                    ")");
}

constexpr const char* kTrainFooter = R"(Examples:
  backlight train --out scenes.safetensors
  backlight train --out scenes.safetensors --resume
  backlight train --out quick.safetensors --steps 300 --seed 7
  backlight train --out tags.safetensors --task tags --scenes 40000

The same options give the same file, byte for byte, on any number of threads, whether or not
the run was interrupted and resumed.)";

}  // namespace

void add_train_command(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App& command =
      *app.add_subcommand("train", "Train the network that ships, backlight_scenes, or one for tags");
  command.add_option("-o,--out", options->out, "File to write, safetensors; - for standard output")
      ->required()
      ->type_name("FILE");
  command.add_option("--seed", options->seed, "Of the scenes, their order and the first weights")
      ->capture_default_str();
  auto* steps = command.add_option("--steps", options->steps, "Training steps, a batch each")
                    ->check(CLI::Range(1, 100'000'000))
                    ->option_text("N")
                    ->capture_default_str();
  command.add_option("--epochs", options->epochs, "Passes over the scenes, instead of --steps")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  command.add_option("--scenes", options->data.scenes, "How many different scenes there are")
      ->check(CLI::Range(1, 1'000'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--batch", options->data.batch, "Scenes a step")
      ->check(CLI::Range(2, 4096))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--lr", options->learning_rate, "Highest learning rate (default: 0.1, of tags 0.002)")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--task", options->task_name,
                  "classes, or tags: colours and nouns in the world of language")
      ->type_name("TASK")
      ->capture_default_str();
  command.add_option("--start", options->start, "Weights that tags begin with (default: those that ship)")
      ->type_name("FILE");
  command.add_option("--checkpoint", options->checkpoint, "Kept while training (default: beside --out)")
      ->type_name("FILE");
  command.add_option("--checkpoint-every", options->checkpoint_every, "Steps between checkpoints")
      ->check(CLI::Range(1, 100'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_flag("--resume", options->resume, "Go on from the checkpoint, if there is one");
  command.add_option("--evaluate", options->evaluate, "Scenes of another seed to measure on; 0: none")
      ->check(CLI::Range(0, 1'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_flag("--force", options->force, "Replace an existing result or checkpoint");
  add_device_options(command, options->device);
  options->console.add_options(command);
  command.footer(kTrainFooter);
  command.callback([options] { run_train(*options); });
}

}  // namespace backlight::tools
