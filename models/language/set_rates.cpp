#include "models/language/set_rates.hpp"

#include <array>
#include <optional>
#include <vector>

#include "engine/core/rows.hpp"
#include "engine/run/run.hpp"
#include "models/scenes/evaluate.hpp"

namespace backlight::language {
namespace {

constexpr std::int64_t kPicturesAtOnce = 50;

/// Calls fn(question, its picture's map, tokens) for every question, picture by picture.
template <class Fn>
void for_each_of(const LanguageModel& model, Context& context, const QuestionSet& set, bool blind, Fn&& fn) {
  if (model.task == LanguageTask::caption)
    throw Error(ErrorKind::usage, "rates of answers were asked of a network of task ", name_of(model.task));
  std::vector<std::vector<std::size_t>> questions(set.pictures.size());
  for (std::size_t i = 0; i < set.questions.size(); ++i) questions[set.questions[i].picture].push_back(i);
  std::vector<std::size_t> pictures;
  for (std::size_t picture = 0; picture < set.pictures.size(); ++picture) {
    pictures.push_back(picture);
    if (std::ssize(pictures) < kPicturesAtOnce && picture + 1 < set.pictures.size()) continue;
    const Run run(model.cnn, context, input_of(context, set, model.preprocessing, pictures));
    Tensor maps = context.to_host(run.output());
    if (blind) maps.fill(0);
    for (std::size_t n = 0; n < pictures.size(); ++n) {
      const Tensor map = rows_of(maps, std::array{static_cast<std::int64_t>(n)});
      for (const std::size_t question : questions[pictures[n]])
        fn(question, map, tokens_of(model.vocabulary, set, question));
    }
    pictures.clear();
  }
}

void count_in(SetRates& rates, const SetQuestion& question, bool hit) {
  rates.all.count(hit);
  rates.answers[question.answer].count(hit);
}

}  // namespace

SetRates set_rates(const LanguageModel& model, Context& context, const QuestionSet& set, bool blind) {
  SetRates rates;
  for_each_of(model, context, set, blind, [&](std::size_t i, const Tensor& map, const auto& tokens) {
    const HeadExplanation head(model.head, context, map, tokens);
    count_in(rates, set.questions[i], answers_rightly(head.scores(), answer_of(model.vocabulary, set, i)));
  });
  return rates;
}

SetRates set_pointing(const LanguageModel& model, Context& context, const QuestionSet& set,
                      const HeadMapOptions& options) {
  std::vector<std::optional<Box>> figures;
  for (const Image& picture : set.pictures) figures.push_back(figure_of(picture));
  SetRates rates;
  for_each_of(model, context, set, /*blind=*/false,
              [&](std::size_t i, const Tensor& map, const auto& tokens) {
                const SetQuestion& question = set.questions[i];
                const std::optional<std::int64_t> answer = answer_of(model.vocabulary, set, i);
                const HeadExplanation head(model.head, context, map, tokens);
                if (!figures[question.picture] || !answers_rightly(head.scores(), answer)) return;
                const HeadTarget target{.said = {{0, *answer}}};
                const std::vector<ClassMap> maps = head.maps({&target, 1}, options);
                const Tensor& shown = maps.front().map;
                count_in(rates, question,
                         scenes::points_into(*figures[question.picture], shown.values(), shown.shape()[1],
                                             model.preprocessing.input_size));
              });
  return rates;
}

}  // namespace backlight::language
