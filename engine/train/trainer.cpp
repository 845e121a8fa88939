#include "engine/train/trainer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/core/random.hpp"
#include "engine/run/run.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "weights/checkpoint.hpp"
#include "weights/safetensors.hpp"

namespace backlight {
namespace {

constexpr std::string_view kVelocityPrefix = "velocity.";
const std::string kStepKey = "training.steps_done";

/// Every digit, so that two numbers are equal when their texts are.
std::string exact(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace

Trainer::Trainer(Network& network, Context& context, const TrainerOptions& options)
    : network_(network), context_(context), options_(options), sgd_(network, context, options.sgd) {
  if (options.steps < 1 || options.warmup < 0 || options.warmup >= options.steps)
    throw Error(ErrorKind::usage, options.steps, " steps with a warm-up of ", options.warmup,
                " were asked for, expected at least 1 step and a warm-up that ends before the last");
  if (!(options.learning_rate > 0 && options.learning_rate <= std::numeric_limits<double>::max()))
    throw Error(ErrorKind::usage, "the learning rate is ", options.learning_rate,
                ", expected a positive number");
  network.to(context);
}

double Trainer::learning_rate() const {
  return cosine_learning_rate(steps_done_, options_.steps, options_.warmup, options_.learning_rate);
}

double Trainer::step(Batch batch) {
  if (steps_done_ >= options_.steps)
    throw Error(ErrorKind::usage, "all ", options_.steps, " training steps were done already");
  const std::int64_t images = batch.x.shape().rank() == 0 ? 0 : batch.x.shape()[0];
  if (batch.labels_per_image < 1 ||
      static_cast<std::int64_t>(batch.labels.size()) != images * batch.labels_per_image)
    throw Error(ErrorKind::usage, batch.labels.size(), " labels were given for ", images,
                " images, expected ", batch.labels_per_image, " for each");

  const std::uint64_t seed = random_bits(options_.seed, static_cast<std::uint64_t>(steps_done_));
  Run pass(network_, context_, std::move(batch.x),
            {.parameter_gradients = true, .training = true}, seed);
  CrossEntropy loss = cross_entropy(context_, pass.output(), batch.labels, 0, batch.labels_per_image);
  if (!std::isfinite(loss.loss))
    throw Error(ErrorKind::usage, "the loss of training step ", steps_done_ + 1, " is ", loss.loss,
                ", expected a finite number; try a lower learning rate");
  const Gradients gradients = pass.backward({network_.output(), std::move(loss.dlogits)},
                                            {.parameter_gradients = true, .last = true});
  // From here on nothing is allocated: weights and running statistics move together or not at all.
  sgd_.step(context_, gradients.parameters, learning_rate());
  network_.update_statistics(context_, pass.saved());
  ++steps_done_;
  return loss.loss;
}

std::map<std::string, std::string> Trainer::metadata(
    const std::map<std::string, std::string>& settings) const {
  std::map<std::string, std::string> all = settings;
  all["training.steps"] = std::to_string(options_.steps);
  all["training.warmup"] = std::to_string(options_.warmup);
  all["training.learning_rate"] = exact(options_.learning_rate);
  all["training.momentum"] = exact(options_.sgd.momentum);
  all["training.weight_decay"] = exact(options_.sgd.weight_decay);
  all["training.nesterov"] = options_.sgd.nesterov ? "true" : "false";
  all["training.seed"] = std::to_string(options_.seed);
  return all;
}

std::vector<NamedParameter> Trainer::state() {
  std::vector<NamedParameter> all = network_.parameters();
  for (NamedParameter& velocity : sgd_.velocities()) {
    velocity.name.insert(0, kVelocityPrefix);
    all.push_back(velocity);
  }
  return all;
}

void Trainer::save(const std::filesystem::path& path, const std::map<std::string, std::string>& settings) {
  std::vector<Tensor> copies;  // of what lies on a device
  std::vector<TensorToWrite> tensors;
  const std::vector<NamedParameter> all = state();
  copies.reserve(all.size());
  for (const NamedParameter& p : all)
    tensors.push_back(
        {p.name, p.tensor->on_host() ? p.tensor : &copies.emplace_back(context_.to_host(*p.tensor))});
  auto described = metadata(settings);
  described[kStepKey] = std::to_string(steps_done_);
  write_safetensors(path, tensors, described, {.overwrite = true});
}

void Trainer::restore(const std::filesystem::path& path, const std::map<std::string, std::string>& settings) {
  const Checkpoint checkpoint = Checkpoint::open(path);
  const auto& stored = checkpoint.metadata();
  const auto value = [&](const std::string& key) {
    const auto found = stored.find(key);
    if (found == stored.end())
      throw Error(ErrorKind::bad_input, path, " holds no '", key,
                  "', expected a checkpoint of a training run");
    return found->second;
  };
  for (const auto& [key, expected] : metadata(settings))
    if (const std::string found = value(key); found != expected)
      throw Error(ErrorKind::usage, path, " was written with ", key, " ", found, ", this run has ", expected,
                  "; resume with the same options, or remove the file to start anew");
  const std::string text = value(kStepKey);
  std::int64_t steps = -1;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), steps).ptr;
  if (end != text.data() + text.size() || steps < 0 || steps > options_.steps)
    throw Error(ErrorKind::bad_input, path, " was written after step ", text, " of ", options_.steps);

  // Everything is read before anything changes.
  std::vector<Tensor> values;
  const std::vector<NamedParameter> targets = state();
  for (const NamedParameter& p : targets) {
    const StoredTensor* tensor = checkpoint.find(p.name);
    if (tensor == nullptr) throw Error(ErrorKind::bad_input, path, " has no tensor '", p.name, "'");
    values.push_back(tensor->to_f32());
    if (values.back().shape() != p.tensor->shape())
      throw Error(ErrorKind::bad_input, path, ": '", p.name, "' is ", values.back().shape(), ", expected ",
                  p.tensor->shape());
  }
  for (std::size_t i = 0; i < targets.size(); ++i) context_.copy(values[i], *targets[i].tensor);
  steps_done_ = steps;
}

}  // namespace backlight
