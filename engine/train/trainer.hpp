// Trains a network, or a head behind one, by their own backward passes: samples in, updated parameters out, and a state
// that can be saved and taken up again to the last bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"
#include "engine/train/optimiser.hpp"

namespace backlight {

struct Batch {
  Tensor x;                          ///< N×C×H×W
  std::vector<std::int64_t> labels;  ///< N×labels_per_image, image by image
  /// The target of an image is the mean of the one-hot vectors of its labels. A label may be repeated.
  int labels_per_image = 1;
};

/// What the networks are given in one step.
struct Sample {
  std::vector<Tensor> inputs;  ///< in the order of the network's Graph::inputs()
  /// The head's inputs behind its first, which takes the network's output; each row of that output is taken
  /// `head_rows` times, one after the other.
  std::vector<Tensor> head_inputs = {};
  std::int64_t head_rows = 1;
};

/// A scalar and its gradient at values of the run that it was computed from.
struct Loss {
  double value = 0;
  std::vector<Seed> seeds;
};
/// Of the run of the network, or of its head where there is one.
using LossFunction = std::function<Loss(Context& context, const Run& run)>;

struct TrainerOptions {
  std::int64_t steps = 1;   ///< how many there will be in all: the learning rate reaches 0 after the last
  std::int64_t warmup = 0;  ///< steps
  double learning_rate = 0.1;
  std::variant<SgdOptions, AdamOptions> optimiser = SgdOptions{};
  std::uint64_t seed = 0;  ///< of random layers (dropout)
};

class Trainer {
 public:
  /// The network has its first parameters already; they are copied to the context's device if they are not
  /// there. Network and context must outlive the trainer.
  /// Throws Error(usage) for options that cannot be meant.
  Trainer(Network& network, Context& context, const TrainerOptions& options);
  /// The same for both from end to end: the head's first input takes the network's output, whose gradient goes on into
  /// the network. Saved parameters of the network have names that begin with `cnn.`.
  Trainer(Network& network, Network& head, Context& context, const TrainerOptions& options);

  std::int64_t steps_done() const { return steps_done_; }
  double learning_rate() const;

  /// One update. Returns the batch's mean cross-entropy before it. Throws Error(usage) when the loss is not
  /// finite, and what a layer throws, leaving parameters and running statistics as they were.
  double step(Batch batch);
  /// The same by any loss, whose value is returned; batches of one shape share their programs.
  double step(Sample sample, const LossFunction& loss);

  /// Writes parameters, running statistics, what the optimiser remembers and the step count as safetensors, atomically.
  /// `settings` are what else decides the outcome (data, batch size …).
  void save(const std::filesystem::path& path, const std::map<std::string, std::string>& settings);
  /// Goes on where save() was called. Throws Error(usage) naming a setting or an option that differs,
  /// Error(bad_input) for a file that is no checkpoint of this network.
  void restore(const std::filesystem::path& path, const std::map<std::string, std::string>& settings);

 private:
  Trainer(Network& network, Network* head, Context& context, const TrainerOptions& options);

  std::map<std::string, std::string> metadata(const std::map<std::string, std::string>& settings) const;
  std::vector<NamedParameter> parameters();
  std::vector<NamedParameter> state();
  Run forward(Programs& programs, std::vector<Tensor> values, std::vector<NodeId> gradients_at,
              std::uint64_t seed);

  Network& network_;
  Network* head_;
  Context& context_;
  TrainerOptions options_;
  Programs programs_, head_programs_;
  Optimiser optimiser_;
  std::int64_t steps_done_ = 0;
};

}  // namespace backlight
