#include "models/scores.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace backlight {
namespace {

double sigmoid(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }

std::vector<double> softmax(std::span<const float> logits) {
  std::vector<double> probabilities;
  const double largest = *std::ranges::max_element(logits);
  for (const float z : logits) probabilities.push_back(std::exp(z - largest));
  const double sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

}  // namespace

std::string_view name_of(ScoreFunction function) {
  return function == ScoreFunction::softmax ? "softmax" : "sigmoid";
}

ClassScores class_scores(std::span<const float> outputs, ScoreFunction function) {
  ClassScores scores;
  if (outputs.size() == 1)
    scores.logits = {-outputs[0], outputs[0]};
  else
    scores.logits.assign(outputs.begin(), outputs.end());
  if (function == ScoreFunction::softmax)
    scores.probabilities = softmax(scores.logits);
  else
    for (const float z : scores.logits) scores.probabilities.push_back(sigmoid(z));
  return scores;
}

}  // namespace backlight
