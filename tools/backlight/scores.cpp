#include "tools/backlight/scores.hpp"

#include <cstdio>

#include "tools/backlight/console.hpp"

namespace backlight::tools {

std::string decimal(double value, int decimals) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

std::string prediction_line(const Model& model, const ClassScores& scores, std::int64_t c) {
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
