#include "tools/backlight/scores.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "tools/backlight/console.hpp"

namespace backlight::tools {

Scores::Scores(const Tensor& outputs, const Model& model)
    : ClassScores(class_scores(outputs.values(), model.scores)) {
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (!std::isfinite(logits[i]))
      throw Error(ErrorKind::bad_input, "the score of class ", i, " is ", logits[i],
                  ", not a number to explain; do the weights belong to this preprocessing?");
}

std::vector<std::int64_t> Scores::best(std::size_t count) const {
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(count, order.size()));
  return order;
}

std::string decimal(double value, int decimals) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

std::string prediction_line(const Model& model, const Scores& scores, std::int64_t c) {
  const auto i = static_cast<std::size_t>(c);
  char columns[96];
  std::snprintf(columns, sizeof columns, "  %5.1f %%  %8.3f  %5lld  ", 100 * scores.probabilities[i],
                static_cast<double>(scores.logits[i]), static_cast<long long>(c));
  return columns + printable(model.labels.at(i)) + "\n";
}

std::string scores_text(const Model& model) {
  if (model.outputs == 1) return "sigmoid of one output";
  return model.scores == ScoreFunction::softmax ? "softmax" : "sigmoid of each class by itself";
}

std::string percent(double probability) { return decimal(100 * probability, 1) + " %"; }

}  // namespace backlight::tools
