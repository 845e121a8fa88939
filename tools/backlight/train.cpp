// backlight train: trains networks on scenes, resumably, and writes their weights.
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
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/train_task.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, Task>, 5> kTasks = {{{"classes", Task::classes},
                                                                      {"tags", Task::tags},
                                                                      {"caption", Task::caption},
                                                                      {"vqa", Task::vqa},
                                                                      {"coattention", Task::coattention}}};

struct TrainOptions {
  std::string task_name = "classes", dtype_name = "f32";
  TaskOptions task;
  double epochs = 0;  ///< instead of steps, when positive
  fs::path out, checkpoint;
  std::int64_t checkpoint_every = 100;
  std::int64_t evaluate = 1000;
  bool resume = false, force = false;
  bool streams = false;  ///< the result goes to a device or a pipe, which may be standard output
  DeviceOptions device;
  Console console;
};

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

/// Measures the networks on scenes of another seed and writes them. The file is a function of the options alone: no
/// time, no host.
void finish(TrainOptions& options, const TrainingTask& task, Context& context) {
  Console& console = options.console;
  std::map<std::string, std::string> metadata = task.settings();
  metadata["training.steps"] = std::to_string(options.task.steps);
  metadata["training.seed"] = std::to_string(options.task.seed);
  if (options.evaluate > 0) {
    const std::uint64_t seed = options.task.seed + 1;
    console.note("measuring on ", task.measured_on(seed, options.evaluate));
    if (options.task.data.empty()) {
      metadata["evaluation.seed"] = std::to_string(seed);
      metadata["evaluation.scenes"] = std::to_string(options.evaluate);
    }
    const std::vector<Measured> measured = task.measure(context, seed, options.evaluate);
    std::size_t width = 0;
    for (const Measured& one : measured) width = std::max(width, one.key.size());
    for (const auto& [key, value] : measured) {
      metadata["evaluation." + key] = rounded(value);
      const std::string line = key + std::string(width - key.size() + 2, ' ') + rounded(value);
      if (options.streams)
        console.note(line);
      else
        console.print_unless_quiet(line + "\n");
    }
  }
  require_two_files(options);
  task.write(options.out, std::move(metadata), {.dtype = parse_dtype(options.dtype_name), .overwrite = true},
             context);
  if (!options.streams) console.print_unless_quiet(printable(options.out.string()) + "\n");
}

void run_train(TrainOptions& options) {
  Console& console = options.console;
  options.task.task = parse_choice("task", options.task_name, kTasks);
  if (options.task.permute_labels && options.task.task != Task::classes)
    throw Error(ErrorKind::usage, "--permute-labels is of --task classes");
  static_cast<void>(parse_dtype(options.dtype_name));  // a mistyped name before training, not after
  if (options.epochs > 0) {
    const double images = options.epochs * static_cast<double>(options.task.scenes);
    options.task.steps = static_cast<std::int64_t>(std::ceil(images / options.task.batch));
  }
  const bool of_images = options.task.task == Task::classes || options.task.task == Task::tags;
  const std::unique_ptr<TrainingTask> task = !options.task.data.empty() ? data_task(options.task)
                                             : of_images                ? image_task(options.task)
                                                                        : language_task(options.task);
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
  Trainer trainer = task->trainer(context);
  const std::int64_t steps = options.task.steps;
  if (options.resume && is_taken(options.checkpoint)) {
    trainer.restore(options.checkpoint, task->settings());
    console.note("going on after step ", trainer.steps_done(), " of ", steps);
  }

  Progress progress(console, trainer.steps_done(), steps);
  while (trainer.steps_done() < steps) {
    const double loss = task->step(trainer, context);
    progress.step_done(trainer.steps_done(), loss);
    if (keep_checkpoints && trainer.steps_done() % options.checkpoint_every == 0)
      trainer.save(options.checkpoint, task->settings());
  }
  console.end_progress();
  finish(options, *task, context);
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
  backlight train --out captioner.safetensors --task caption --start tags.safetensors
  backlight train --out vqa.safetensors --task vqa --start captioner.safetensors
  backlight train --out easy.safetensors --task vqa --data easy_vqa/data --input-size 64

The same options give the same file, byte for byte, on any number of threads, whether or not
the run was interrupted and resumed.)";

}  // namespace

void add_train_command(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App& command = *app.add_subcommand(
      "train", "Train the network that ships, backlight_scenes, or one for tags, captions or questions");
  command.add_option("-o,--out", options->out, "File to write, safetensors; - for standard output")
      ->required()
      ->type_name("FILE");
  command.add_option("--seed", options->task.seed, "Of the scenes, their order and the first weights")
      ->capture_default_str();
  auto* steps = command.add_option("--steps", options->task.steps, "Training steps, a batch each")
                    ->check(CLI::Range(1, 100'000'000))
                    ->option_text("N")
                    ->capture_default_str();
  auto* epochs =
      command.add_option("--epochs", options->epochs, "Passes over the scenes, instead of --steps")
          ->check(CLI::PositiveNumber)
          ->excludes(steps);
  auto* scenes = command.add_option("--scenes", options->task.scenes, "How many different scenes there are")
                     ->check(CLI::Range(1, 1'000'000'000))
                     ->option_text("N")
                     ->capture_default_str();
  command.add_option("--batch", options->task.batch, "Scenes a step, or pictures of --data")
      ->check(CLI::Range(2, 4096))
      ->option_text("N")
      ->capture_default_str();
  command
      .add_option("--lr", options->task.learning_rate,
                  "Highest learning rate (default: 0.1; of tags and heads 0.002, --end-to-end 0.0015)")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--task", options->task_name,
                  "classes; or of the world of language: tags (colours and nouns), caption, vqa, coattention")
      ->type_name("TASK")
      ->capture_default_str();
  command
      .add_option("--start", options->task.start,
                  "Weights that all but classes begin with (default: those that ship)")
      ->type_name("FILE");
  command.add_flag("--end-to-end", options->task.end_to_end,
                   "Of captions: train the CNN, too, which otherwise stays as it is");
  auto* permute = command.add_flag("--permute-labels", options->task.permute_labels,
                                   "Of classes: each scene with another's label, not varied, to be learnt by "
                                   "heart; for evaluate --compare");
  auto* data =
      command
          .add_option(
              "--data", options->task.data,
              "Of vqa and coattention: pictures and questions of one's own to learn from instead of scenes, "
              "DIR/train and DIR/test, each of questions.json and images/; CNN and head from end to end")
          ->type_name("DIR")
          ->excludes(scenes)
          ->excludes(epochs)
          ->excludes(permute);
  command
      .add_option("--input-size", options->task.input_size,
                  "Side of the network's input, of --data's pictures")
      ->needs(data)
      ->check(CLI::Range(16, 1024))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--checkpoint", options->checkpoint, "Kept while training (default: beside --out)")
      ->type_name("FILE");
  command.add_option("--checkpoint-every", options->checkpoint_every, "Steps between checkpoints")
      ->check(CLI::Range(1, 100'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_flag("--resume", options->resume, "Go on from the checkpoint, if there is one");
  command
      .add_option(
          "--evaluate", options->evaluate,
          "Scenes of another seed to measure on; 0: none; with --data any other number means all of DIR/test")
      ->check(CLI::Range(0, 1'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--dtype", options->dtype_name, "Type of the values that are written: f32, f16, bf16")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_flag("--force", options->force, "Replace an existing result or checkpoint");
  add_device_options(command, options->device);
  options->console.add_options(command);
  command.footer(kTrainFooter);
  command.callback([options] { run_train(*options); });
}

}  // namespace backlight::tools
