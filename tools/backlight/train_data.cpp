// Training question answerers on pictures and questions of one's own, CNN and head from end to end.
#include <utility>

#include "engine/train/init.hpp"
#include "models/language/heads.hpp"
#include "models/language/lessons.hpp"
#include "models/language/set_rates.hpp"
#include "models/scenes_net.hpp"
#include "tools/backlight/train_task.hpp"

namespace backlight::tools {
namespace {

using language::LanguageModel;
using language::LanguageTask;
using language::QuestionSet;

constexpr int kQuestionsEach = 8;  ///< of a picture in a step, which the CNN sees once

Preprocessing fitted_to(int size) {
  Preprocessing how = scenes_preprocessing();
  how.input_size = how.resize_size = size;
  return how;
}

QuestionSet read_part(const TaskOptions& options, const char* part) {
  if (options.task != Task::vqa && options.task != Task::coattention)
    throw Error(ErrorKind::usage, "--data is of --task vqa and coattention");
  if (options.end_to_end || !options.start.empty())
    throw Error(ErrorKind::usage,
                "--data trains CNN and head from their first weights, always from end to end; ",
                "--start and --end-to-end are of scenes");
  Context context;
  return language::read_question_set(options.data / part, fitted_to(options.input_size), context);
}

LanguageModel untrained_model(const TaskOptions& options, const QuestionSet& training) {
  language::Vocabulary vocabulary = vocabulary_of(training);
  const std::int64_t words = std::ssize(vocabulary.words()), answers = std::ssize(vocabulary.answers());
  LanguageModel model{.task = options.task == Task::vqa ? LanguageTask::vqa : LanguageTask::coattention,
                      .cnn = scenes_features(),
                      .head = options.task == Task::vqa
                                  ? language::vqa_head({.words = words, .answers = answers})
                                  : language::coattention_head({.words = words, .answers = answers}),
                      .vocabulary = std::move(vocabulary),
                      .preprocessing = fitted_to(options.input_size)};
  initialise(model.cnn, options.seed);
  initialise(model.head, options.seed);
  language::open_forget_gates(model.head);
  return model;
}

class DataTask final : public TrainingTask {
 public:
  explicit DataTask(const TaskOptions& options)
      : options_(options),
        training_(read_part(options, "train")),
        test_(read_part(options, "test")),
        model_(untrained_model(options, training_)),
        lessons_(training_, model_.vocabulary, model_.preprocessing, options.seed, options.batch,
                 kQuestionsEach) {
    for (std::size_t i = 0; i < test_.questions.size(); ++i)
      tokens_of(model_.vocabulary, test_, i);  // or throws
  }

  std::map<std::string, std::string> settings() const override {
    return {{"task", std::string(name_of(model_.task))},
            {"data.batch", std::to_string(options_.batch)},
            {"data.pictures", std::to_string(training_.pictures.size())},
            {"data.questions", std::to_string(training_.questions.size())},
            {"data.questions_sha256", training_.sha256},
            {"data.input_size", std::to_string(options_.input_size)}};
  }

  Trainer trainer(Context& context) override {
    TrainerOptions options = usual_trainer(options_, 1.5e-3);
    options.optimiser = AdamOptions{.largest_norm = 5};
    return {model_.cnn, model_.head, context, options};
  }

  double step(Trainer& trainer, Context& context) override {
    language::Lesson lesson = lessons_.lesson(context, trainer.steps_done());
    const LossFunction loss = loss_of(model_.head, model_.task, std::move(lesson.labels));
    return trainer.step(std::move(lesson.sample), loss);
  }

  std::vector<Measured> measure(Context& context, std::uint64_t, std::int64_t) const override {
    const language::SetRates rates = set_rates(model_, context, test_);
    std::vector<Measured> all = {
        {"accuracy", rates.all.rate()},
        {"accuracy.blind", set_rates(model_, context, test_, /*blind=*/true).all.rate()}};
    for (const auto& [answer, share] : rates.answers) all.push_back({"accuracy." + answer, share.rate()});
    return all;
  }
  std::string measured_on(std::uint64_t, std::int64_t) const override {
    return text(test_.questions.size(), " questions about ", test_.pictures.size(), " pictures of ",
                test_.file.string());
  }

  void write(const std::filesystem::path& path, std::map<std::string, std::string> metadata,
             const SafetensorsOptions& options, const Context&) const override {
    LanguageModel written = model_;
    written.metadata = std::move(metadata);
    write_language_model(path, written, options);
  }

 private:
  TaskOptions options_;
  QuestionSet training_, test_;
  LanguageModel model_;
  language::SetLessons lessons_;
};

}  // namespace

std::unique_ptr<TrainingTask> data_task(const TaskOptions& options) {
  return std::make_unique<DataTask>(options);
}

}  // namespace backlight::tools
