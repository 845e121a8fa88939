// Trains a classifier by its own backward pass: batches in, updated parameters out, and a state that can be
// saved and taken up again to the last bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/train/sgd.hpp"

namespace backlight {

struct Batch {
  Tensor x;                          ///< N×C×H×W
  std::vector<std::int64_t> labels;  ///< N×labels_per_image, image by image
  /// The target of an image is the mean of the one-hot vectors of its labels. A label may be repeated.
  int labels_per_image = 1;
};

struct TrainerOptions {
  std::int64_t steps = 1;   ///< how many there will be in all: the learning rate reaches 0 after the last
  std::int64_t warmup = 0;  ///< steps
  double learning_rate = 0.1;
  SgdOptions sgd = {};
  std::uint64_t seed = 0;  ///< of random layers (dropout)
};

class Trainer {
 public:
  /// The network has its first parameters already; they are copied to the context's device if they are not
  /// there. Network and context must outlive the trainer.
  /// Throws Error(usage) for options that cannot be meant.
  Trainer(Network& network, Context& context, const TrainerOptions& options);

  std::int64_t steps_done() const { return steps_done_; }
  double learning_rate() const;

  /// One update. Returns the batch's mean cross-entropy before it. Throws Error(usage) when the loss is not
  /// finite, and what a layer throws, leaving parameters and running statistics as they were.
  double step(Batch batch);

  /// Writes parameters, running statistics, velocities and the step count as safetensors, atomically.
  /// `settings` are what else decides the outcome (data, batch size …).
  void save(const std::filesystem::path& path, const std::map<std::string, std::string>& settings);
  /// Goes on where save() was called. Throws Error(usage) naming a setting or an option that differs,
  /// Error(bad_input) for a file that is no checkpoint of this network.
  void restore(const std::filesystem::path& path, const std::map<std::string, std::string>& settings);

 private:
  std::map<std::string, std::string> metadata(const std::map<std::string, std::string>& settings) const;
  std::vector<NamedParameter> state();

  Network& network_;
  Context& context_;
  TrainerOptions options_;
  Sgd sgd_;
  std::int64_t steps_done_ = 0;
};

}  // namespace backlight
