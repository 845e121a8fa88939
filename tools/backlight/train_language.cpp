// Training captioners and question answerers: a head behind a CNN that stays as it is, or both from end to end.
#include <optional>
#include <utility>

#include "engine/train/init.hpp"
#include "models/language/captions.hpp"
#include "models/language/heads.hpp"
#include "models/language/lessons.hpp"
#include "models/language/rates.hpp"
#include "models/model.hpp"
#include "models/scenes_net.hpp"
#include "tools/backlight/train_task.hpp"

namespace backlight::tools {
namespace {

using language::LanguageModel;
using language::LanguageTask;

LanguageTask task_of(Task task) {
  if (task == Task::caption) return LanguageTask::caption;
  return task == Task::vqa ? LanguageTask::vqa : LanguageTask::coattention;
}

Network first_head(LanguageTask task, std::uint64_t seed) {
  Network head = task == LanguageTask::caption ? language::caption_head()
                 : task == LanguageTask::vqa   ? language::vqa_head()
                                               : language::coattention_head();
  initialise(head, seed);
  language::open_forget_gates(head);
  return head;
}

/// Of a file of backlight_scenes with any classes, up to its last map.
Network features_of(const Checkpoint& checkpoint) {
  Model model = load_model(checkpoint);
  if (model.info.name != "backlight_scenes")
    throw Error(ErrorKind::usage, checkpoint.path().string(), ": is ", model.info.name,
                ", but heads are trained behind backlight_scenes");
  Network features = scenes_features();
  std::map<std::string, Tensor*> found;
  for (const NamedParameter& p : model.network.parameters()) found[p.name] = p.tensor;
  for (const NamedParameter& p : features.parameters()) *p.tensor = std::move(*found.at(p.name));
  return features;
}

/// CNN and head to begin with: the file's own head where it is of this task.
LanguageModel first_model(const TaskOptions& options) {
  const LanguageTask task = task_of(options.task);
  const Checkpoint checkpoint = Checkpoint::open(start_of(options));
  if (language::is_language_model(checkpoint)) {
    LanguageModel start = language::load_language_model(checkpoint);
    if (start.cnn_name != language::kScenesCnn || start.preprocessing != scenes_preprocessing())
      throw Error(ErrorKind::usage, checkpoint.path().string(), ": sees pictures of ",
                  start.preprocessing.input_size, " by ", start.cnn_name,
                  ", but scenes are seen at 96 by backlight_scenes");
    if (start.task == task) return start;
    start.head = first_head(task, options.seed);
    start.task = task;
    start.vocabulary =
        task == LanguageTask::caption ? language::caption_vocabulary() : language::question_vocabulary();
    start.metadata.clear();
    return start;
  }
  return {.task = task,
          .cnn = features_of(checkpoint),
          .head = first_head(task, options.seed),
          .vocabulary = task == LanguageTask::caption ? language::caption_vocabulary()
                                                      : language::question_vocabulary(),
          .weights_sha256 = checkpoint.sha256()};
}

class HeadTask final : public TrainingTask {
 public:
  explicit HeadTask(const TaskOptions& options)
      : options_(options),
        set_{.seed = options.seed, .scenes = options.scenes, .batch = options.batch},
        model_(first_model(options)) {
    if (options.end_to_end && options.task != Task::caption)
      throw Error(ErrorKind::usage, "--end-to-end is of --task caption");
  }

  std::map<std::string, std::string> settings() const override {
    return {{"task", std::string(name_of(model_.task))},
            {"data.seed", std::to_string(set_.seed)},
            {"data.scenes", std::to_string(set_.scenes)},
            {"data.batch", std::to_string(set_.batch)},
            {"training.start", model_.weights_sha256},
            {"training.end_to_end", options_.end_to_end ? "true" : "false"}};
  }

  Trainer trainer(Context& context) override {
    TrainerOptions options = usual_trainer(options_, options_.end_to_end ? 1.5e-3 : 2e-3);
    options.optimiser = AdamOptions{.largest_norm = 5};
    model_.cnn.to(context);
    if (options_.end_to_end) return {model_.cnn, model_.head, context, options};
    lessons_.emplace(model_.task, set_, model_.cnn, context);
    return {model_.head, context, options};
  }

  double step(Trainer& trainer, Context& context) override {
    language::Lesson lesson = options_.end_to_end
                                  ? language::caption_lesson(context, set_, trainer.steps_done())
                                  : lessons_->lesson(trainer.steps_done());
    const double smoothing = model_.task == LanguageTask::coattention ? 0.1 : 0;
    const LossFunction loss = loss_of(model_.head, model_.task, std::move(lesson.labels), smoothing);
    return trainer.step(std::move(lesson.sample), loss);
  }

  std::vector<Measured> measure(Context& context, std::uint64_t seed, std::int64_t scenes) const override {
    return model_.task == LanguageTask::caption ? of_captions(context, seed, scenes)
                                                : of_answers(context, seed, scenes);
  }
  std::string measured_on(std::uint64_t seed, std::int64_t scenes) const override {
    return text(scenes, " scenes",
                model_.task == LanguageTask::caption ? "" : " and as many questions about them", ", seed ",
                seed);
  }

  void write(const std::filesystem::path& path, std::map<std::string, std::string> metadata,
             const SafetensorsOptions& options, const Context&) const override {
    LanguageModel written = model_;
    written.metadata = std::move(metadata);
    write_language_model(path, written, options);
  }

 private:
  std::vector<Measured> of_captions(Context& context, std::uint64_t seed, std::int64_t scenes) const {
    const auto rates = caption_rates(model_, context, seed, scenes);
    const auto blind = caption_rates(model_, context, seed, scenes, {}, /*blind=*/true);
    std::vector<Measured> all = {{"true_captions", rates.all.rate()},
                                 {"true_captions.blind", blind.all.rate()}};
    constexpr std::array<const char*, language::kKinds> kKindNames{"one", "pair", "triple", "twins",
                                                                   "triplets"};
    for (std::size_t i = 0; i < kKindNames.size(); ++i)
      all.push_back({std::string("true_captions.") + kKindNames[i], rates.kinds[i].rate()});
    const auto local = caption_pointing(model_, context, seed, scenes, {.steps = 1});
    const auto path = caption_pointing(model_, context, seed, scenes);
    for (int role = 0; role < language::kWordRoles; ++role) {
      const auto i = static_cast<std::size_t>(role);
      const std::string name(name_of(static_cast<language::WordRole>(role)));
      add_pointing(name, local[i], path[i], all);
    }
    const auto local_region = region_rates(model_, context, seed, scenes, {.steps = 1}),
               region = region_rates(model_, context, seed, scenes);
    add_pointing("region", local_region.pointing, region.pointing, all);
    all.push_back({"inside_outside.guided_backprop", region.guided_backprop});
    all.push_back({"inside_outside.grad_cam", region.grad_cam});
    all.push_back({"inside_outside.grad_cam.local", local_region.grad_cam});
    all.push_back({"inside_outside.guided_grad_cam", region.guided_grad_cam});
    all.push_back({"inside_outside.guided_grad_cam.local", local_region.guided_grad_cam});
    return all;
  }

  std::vector<Measured> of_answers(Context& context, std::uint64_t seed, std::int64_t scenes) const {
    const auto rates = answer_rates(model_, context, seed, scenes, scenes);
    const auto blind = answer_rates(model_, context, seed, scenes, scenes, /*blind=*/true);
    std::vector<Measured> all = {{"accuracy", rates.all.rate()}, {"accuracy.blind", blind.all.rate()}};
    const auto local = answer_pointing(model_, context, seed, scenes, scenes, {.steps = 1});
    const auto path = answer_pointing(model_, context, seed, scenes, scenes);
    for (int family = 0; family < language::kFamilies; ++family) {
      const auto i = static_cast<std::size_t>(family);
      const std::string name(name_of(static_cast<language::Family>(family)));
      all.push_back({"accuracy." + name, rates.families[i].rate()});
      add_pointing(name, local[i], path[i], all);
    }
    return all;
  }

  /// The paper's local gradient beside the path average's.
  static void add_pointing(const std::string& name, const language::Pointing& local,
                           const language::Pointing& path, std::vector<Measured>& all) {
    if (path.evidence.asked == 0) return;
    all.push_back({"pointing." + name, path.evidence.rate()});
    all.push_back({"pointing." + name + ".local", local.evidence.rate()});
    if (path.other.asked > 0) all.push_back({"pointing." + name + ".other", path.other.rate()});
  }

  TaskOptions options_;
  language::LessonSet set_;
  LanguageModel model_;
  std::optional<language::HeadLessons> lessons_;
};

}  // namespace

std::unique_ptr<TrainingTask> language_task(const TaskOptions& options) {
  return std::make_unique<HeadTask>(options);
}

}  // namespace backlight::tools
