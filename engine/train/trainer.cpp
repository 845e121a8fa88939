#include "engine/train/trainer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>

#include "engine/core/random.hpp"
#include "kernels/cross_entropy/loss.hpp"
#include "kernels/dispatch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/safetensors.hpp"

namespace backlight {
namespace {

const std::string kStepKey = "training.steps_done";

/// Every digit, so that two numbers are equal when their texts are.
std::string exact(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// Each row of `maps`, `times` times.
Tensor repeat(Context& context, const Tensor& maps, std::int64_t times) {
  const std::int64_t rows = maps.shape()[0], count = maps.numel() / rows;
  Tensor repeated = context.empty(maps.shape().with(0, rows * times), maps.dtype());
  dispatch(context, maps.dtype(), [&]<class T>(const Kernels<T>& k) {
    for (std::int64_t i = 0; i < times; ++i)
      k.copy_rows(context, {rows, count, count, times * count}, maps.data<T>(),
                  repeated.data<T>() + i * count);
  });
  return repeated;
}

/// The backward of repeat.
Tensor sum_repeated(Context& context, const Tensor& drepeated, std::int64_t times) {
  const std::int64_t rows = drepeated.shape()[0] / times, count = drepeated.numel() / drepeated.shape()[0];
  Tensor sum = context.zeros(drepeated.shape().with(0, rows), drepeated.dtype());
  Tensor term = context.empty(sum.shape(), sum.dtype());
  dispatch(context, sum.dtype(), [&]<class T>(const Kernels<T>& k) {
    for (std::int64_t i = 0; i < times; ++i) {
      k.copy_rows(context, {rows, count, times * count, count}, drepeated.data<T>() + i * count,
                  term.data<T>());
      k.add_forward(context, sum.numel(), sum.data<T>(), term.data<T>(), sum.data<T>());
    }
  });
  return sum;
}

std::vector<NamedParameter> parameters_of(Network& network, Network* head) {
  std::vector<NamedParameter> all = network.parameters();
  if (!head) return all;
  for (NamedParameter& p : all) p.name.insert(0, "cnn.");
  std::ranges::copy(head->parameters(), std::back_inserter(all));
  return all;
}

}  // namespace

Trainer::Trainer(Network& network, Context& context, const TrainerOptions& options)
    : Trainer(network, nullptr, context, options) {}

Trainer::Trainer(Network& network, Network& head, Context& context, const TrainerOptions& options)
    : Trainer(network, &head, context, options) {}

Trainer::Trainer(Network& network, Network* head, Context& context, const TrainerOptions& options)
    : network_(network),
      head_(head),
      context_(context),
      options_(options),
      programs_(network, Optimisations{}),
      head_programs_(head ? *head : network, Optimisations{}),
      optimiser_(parameters_of(network, head), context, options.optimiser) {
  if (options.steps < 1 || options.warmup < 0 || options.warmup >= options.steps)
    throw Error(ErrorKind::usage, options.steps, " steps with a warm-up of ", options.warmup,
                " were asked for, expected at least 1 step and a warm-up that ends before the last");
  if (!(options.learning_rate > 0 && options.learning_rate <= std::numeric_limits<double>::max()))
    throw Error(ErrorKind::usage, "the learning rate is ", options.learning_rate,
                ", expected a positive number");
  if (const auto* adam = std::get_if<AdamOptions>(&options.optimiser); adam && !(adam->largest_norm > 0))
    throw Error(ErrorKind::usage, "the largest norm of a gradient is ", adam->largest_norm,
                ", expected a positive number");
  network.to(context);
  if (head) head->to(context);
}

std::vector<NamedParameter> Trainer::parameters() { return parameters_of(network_, head_); }

double Trainer::learning_rate() const {
  return cosine_learning_rate(steps_done_, options_.steps, options_.warmup, options_.learning_rate);
}

double Trainer::step(Batch batch) {
  const std::int64_t images = batch.x.shape().rank() == 0 ? 0 : batch.x.shape()[0];
  if (batch.labels_per_image < 1 ||
      static_cast<std::int64_t>(batch.labels.size()) != images * batch.labels_per_image)
    throw Error(ErrorKind::usage, batch.labels.size(), " labels were given for ", images,
                " images, expected ", batch.labels_per_image, " for each");
  return step({tensors(std::move(batch.x))}, [&](Context& context, const Run& run) {
    CrossEntropy loss = cross_entropy(context, run.output(), batch.labels, 0, batch.labels_per_image);
    Loss result{loss.loss, {}};
    result.seeds.push_back({network_.output(), std::move(loss.dlogits)});
    return result;
  });
}

Run Trainer::forward(Programs& programs, std::vector<Tensor> values, std::vector<NodeId> gradients_at,
                     std::uint64_t seed) {
  std::vector<TensorType> types;
  for (const Tensor& value : values) types.push_back({value.dtype(), value.shape()});
  return {
      programs.get(context_, types,
                   {.gradients_at = std::move(gradients_at), .parameter_gradients = true, .training = true}),
      context_, std::move(values), seed};
}

double Trainer::step(Sample sample, const LossFunction& loss_of) {
  if (steps_done_ >= options_.steps)
    throw Error(ErrorKind::usage, "all ", options_.steps, " training steps were done already");
  if (sample.head_rows < 1 || (!head_ && (sample.head_rows > 1 || !sample.head_inputs.empty())))
    throw Error(ErrorKind::usage, sample.head_inputs.size(), " values and ", sample.head_rows,
                " rows for each of the network's were given for a head, but there is ",
                head_ ? "one" : "none");
  const std::uint64_t seed = random_bits(options_.seed, static_cast<std::uint64_t>(steps_done_));
  Run pass = forward(programs_, std::move(sample.inputs), {}, seed);
  std::optional<Run> head_pass;
  if (head_) {
    std::vector<Tensor> values = tensors(repeat(context_, pass.output(), sample.head_rows));
    std::ranges::move(sample.head_inputs, std::back_inserter(values));
    head_pass.emplace(forward(head_programs_, std::move(values), {head_->input()}, random_bits(seed, 0)));
  }
  Loss loss = loss_of(context_, head_pass ? *head_pass : pass);
  if (!std::isfinite(loss.value))
    throw Error(ErrorKind::usage, "the loss of training step ", steps_done_ + 1, " is ", loss.value,
                ", expected a finite number; try a lower learning rate");
  Gradients head_gradients;
  if (head_) {
    head_gradients =
        head_pass->backward(loss.seeds, {.wrt = {head_->input()}, .parameter_gradients = true, .last = true});
    loss.seeds.clear();
    loss.seeds.push_back({network_.output(),
                          sum_repeated(context_, head_gradients.nodes.at(head_->input()), sample.head_rows)});
  }
  std::vector<Tensor> gradients =
      pass.backward(loss.seeds, {.parameter_gradients = true, .last = true}).parameters;
  std::ranges::move(head_gradients.parameters, std::back_inserter(gradients));
  // Once the optimiser has what it needs, nothing is allocated: weights and running statistics move together or not
  // at all.
  optimiser_.step(context_, parameters(), gradients, learning_rate(), steps_done_);
  network_.update_statistics(context_, pass.saved());
  if (head_) head_->update_statistics(context_, head_pass->saved());
  ++steps_done_;
  return loss.value;
}

std::map<std::string, std::string> Trainer::metadata(
    const std::map<std::string, std::string>& settings) const {
  std::map<std::string, std::string> all = settings;
  all["training.steps"] = std::to_string(options_.steps);
  all["training.warmup"] = std::to_string(options_.warmup);
  all["training.learning_rate"] = exact(options_.learning_rate);
  if (const auto* sgd = std::get_if<SgdOptions>(&options_.optimiser)) {
    all["training.momentum"] = exact(sgd->momentum);
    all["training.weight_decay"] = exact(sgd->weight_decay);
    all["training.nesterov"] = sgd->nesterov ? "true" : "false";
  } else {
    const auto& adam = std::get<AdamOptions>(options_.optimiser);
    all["training.beta1"] = exact(adam.beta1);
    all["training.beta2"] = exact(adam.beta2);
    all["training.epsilon"] = exact(adam.epsilon);
    all["training.largest_norm"] = exact(adam.largest_norm);
  }
  all["training.seed"] = std::to_string(options_.seed);
  return all;
}

std::vector<NamedParameter> Trainer::state() {
  std::vector<NamedParameter> all = parameters();
  std::ranges::copy(optimiser_.state(), std::back_inserter(all));
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
