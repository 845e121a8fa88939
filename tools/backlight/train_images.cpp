// Training backlight_scenes, on scenes for their classes or on the world of language for its tags.
#include "engine/train/init.hpp"
#include "models/labels/label_file.hpp"
#include "models/language/tags.hpp"
#include "models/model.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes/evaluate.hpp"
#include "models/scenes/shapes.hpp"
#include "models/scenes_net.hpp"
#include "models/weights_location.hpp"
#include "tools/backlight/train_task.hpp"

namespace backlight::tools {
namespace {

class ImageTask final : public TrainingTask {
 public:
  explicit ImageTask(const TaskOptions& options)
      : options_(options), data_{options.seed, options.scenes, options.batch, options.permute_labels} {
    if (options.end_to_end) throw Error(ErrorKind::usage, "--end-to-end is of --task caption");
    if (!tags() && !options.start.empty())
      throw Error(ErrorKind::usage,
                  "--start is of --task tags, caption, vqa and coattention; classes are trained from the "
                  "first weights of "
                  "--seed");
    if (tags()) start_sha256_ = Checkpoint::open(start_of(options)).sha256();
    network_ = first_network();
  }

  std::map<std::string, std::string> settings() const override {
    std::map<std::string, std::string> all = {{"backlight.architecture", "backlight_scenes"},
                                              {"data.seed", std::to_string(data_.seed)},
                                              {"data.scenes", std::to_string(data_.scenes)},
                                              {"data.batch", std::to_string(data_.batch)}};
    if (data_.permuted) all["data.labels"] = "permuted";
    if (tags()) {
      all["task"] = "tags";
      all["training.start"] = start_sha256_;
    }
    return all;
  }

  Trainer trainer(Context& context) override {
    TrainerOptions options = usual_trainer(options_, tags() ? 2e-3 : 0.1);
    if (tags()) options.optimiser = AdamOptions{.largest_norm = 5};
    return {network_, context, options};
  }

  double step(Trainer& trainer, Context& context) override {
    const std::int64_t step = trainer.steps_done();
    return trainer.step(tags() ? language::tag_batch(context, data_.seed, data_.scenes, data_.batch, step)
                               : scenes::training_batch(context, data_, step));
  }

  std::vector<Measured> measure(Context& context, std::uint64_t seed, std::int64_t scenes) const override {
    const NodeId layer = network_.find("layer2");
    if (tags()) {
      const auto rates = language::tag_rates(network_, context, layer, seed, scenes);
      return {{"all_on_top", rates.all_on_top}, {"pointing.grad_cam", rates.grad_cam}};
    }
    if (data_.permuted)
      return {
          {"training_accuracy", scenes::classification_accuracy(network_, context, data_.seed, data_.scenes,
                                                                /*permuted=*/true)},
          {"accuracy", scenes::classification_accuracy(network_, context, seed, scenes)}};
    const double accuracy = scenes::classification_accuracy(network_, context, seed, scenes);
    const auto rates = scenes::pointing_rates(network_, context, layer, seed, scenes);
    return {{"accuracy", accuracy},
            {"pointing.grad_cam", rates.grad_cam},
            {"pointing.guided_backprop", rates.guided_backprop},
            {"pointing.deconvolution", rates.deconvolution}};
  }
  std::string measured_on(std::uint64_t seed, std::int64_t scenes) const override {
    if (data_.permuted)
      return text("all ", data_.scenes, " scenes with their permuted labels, and ", scenes,
                  " others with their own, seed ", seed);
    return tags() ? text(scenes, " scenes, seed ", seed)
                  : text(scenes, " scenes of one object and ", scenes, " of two, seed ", seed);
  }

  void write(const std::filesystem::path& path, std::map<std::string, std::string> metadata,
             const SafetensorsOptions& options, const Context& context) const override {
    ClassNames names;
    if (tags())
      names.names = language::tag_names();
    else
      names = built_in_labels(LabelSet::scenes);
    metadata["backlight.labels"] = labels_json(names);
    std::vector<Tensor> values;
    std::vector<TensorToWrite> tensors;
    const std::vector<ConstNamedParameter> parameters = network_.parameters();
    values.reserve(parameters.size());
    for (const ConstNamedParameter& p : parameters)
      tensors.push_back({p.name, &values.emplace_back(context.to_host(*p.tensor))});
    write_safetensors(path, tensors, metadata, options);
  }

 private:
  bool tags() const { return options_.task == Task::tags; }

  /// With its first parameters: of tags, all but the last layer are those of the file to begin with.
  Network first_network() const {
    Network network = scenes_net(tags() ? language::kTags : scenes::kClasses);
    if (!tags()) {
      initialise(network, options_.seed);
      return network;
    }
    Network start = scenes_net(scenes::kClasses);
    load_parameters(Checkpoint::open(start_of(options_)), start, "backlight_scenes");
    initialise(network, options_.seed);
    const auto from = start.parameters();
    const auto to = network.parameters();
    for (std::size_t i = 0; i < to.size(); ++i)
      if (from[i].tensor->shape() == to[i].tensor->shape()) *to[i].tensor = std::move(*from[i].tensor);
    return network;
  }

  TaskOptions options_;
  scenes::TrainingSet data_;
  std::string start_sha256_;
  Network network_;
};

}  // namespace

std::unique_ptr<TrainingTask> image_task(const TaskOptions& options) {
  return std::make_unique<ImageTask>(options);
}

std::filesystem::path start_of(const TaskOptions& options) {
  if (!options.start.empty()) return options.start;
  const auto shipped = shipped_weights("backlight_scenes");
  if (!shipped)
    throw Error(ErrorKind::resources,
                "the weights that ship were not found; name some of backlight_scenes with --start");
  return *shipped;
}

TrainerOptions usual_trainer(const TaskOptions& options, double learning_rate) {
  TrainerOptions usual{.steps = options.steps, .warmup = options.steps / 20, .seed = options.seed};
  usual.learning_rate = options.learning_rate.value_or(learning_rate);
  return usual;
}

}  // namespace backlight::tools
