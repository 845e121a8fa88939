// What `backlight train` can train: which networks there are, what a step learns from, what is measured and written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/trainer.hpp"
#include "weights/safetensors.hpp"

namespace backlight::tools {

enum class Task : std::uint8_t { classes, tags, caption, vqa, coattention };

/// As the command line has them.
struct TaskOptions {
  Task task = Task::classes;
  std::uint64_t seed = 1;  ///< of the scenes, their order and the first weights
  std::int64_t scenes = 20000;
  int batch = 48;
  std::int64_t steps = 2000;
  std::optional<double> learning_rate;
  std::filesystem::path start;  ///< weights to begin with
  bool end_to_end = false;      ///< of captions
  bool permute_labels = false;  ///< of classes
  std::filesystem::path data;   ///< a folder of questions about pictures, instead of scenes
  int input_size = 96;          ///< of its pictures
};

struct Measured {
  std::string key;
  double value = 0;
};

/// All of it is a pure function of the options and the file to begin with.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  /// What decides the outcome beside the trainer's own options.
  virtual std::map<std::string, std::string> settings() const = 0;
  /// With the first parameters; to be called once. The task must outlive it.
  virtual Trainer trainer(Context& context) = 0;
  /// One step of it; its loss.
  virtual double step(Trainer& trainer, Context& context) = 0;
  /// Over so many scenes of another seed, or the test questions of a folder.
  virtual std::vector<Measured> measure(Context& context, std::uint64_t seed, std::int64_t scenes) const = 0;
  /// What measure() is over: "100 scenes of one object and 100 of two, seed 2".
  virtual std::string measured_on(std::uint64_t seed, std::int64_t scenes) const = 0;
  virtual void write(const std::filesystem::path& path, std::map<std::string, std::string> metadata,
                     const SafetensorsOptions& options, const Context& context) const = 0;
};

/// Throws Error(usage) for options that the task does not have.
std::unique_ptr<TrainingTask> image_task(const TaskOptions& options);
std::unique_ptr<TrainingTask> language_task(const TaskOptions& options);
std::unique_ptr<TrainingTask> data_task(const TaskOptions& options);

/// The file named by --start, or the weights that ship. Throws Error(resources) where there are none.
std::filesystem::path start_of(const TaskOptions& options);

/// Of a learning rate that rises during a twentieth of the steps.
TrainerOptions usual_trainer(const TaskOptions& options, double learning_rate);

}  // namespace backlight::tools
