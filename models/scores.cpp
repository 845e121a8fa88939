#include "models/scores.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.hpp"

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

std::vector<std::int64_t> ClassScores::best(std::size_t count) const {
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(count, order.size()));
  return order;
}

ClassScores class_scores(std::span<const float> outputs, ScoreFunction function) {
  ClassScores scores;
  if (outputs.size() == 1)
    scores.logits = {-outputs[0], outputs[0]};
  else
    scores.logits.assign(outputs.begin(), outputs.end());
  for (std::size_t i = 0; i < scores.logits.size(); ++i)
    if (!std::isfinite(scores.logits[i]))
      throw Error(ErrorKind::bad_input, "the score of class ", i, " is ", scores.logits[i],
                  ", not a number to explain; do the weights belong to this preprocessing?");
  if (function == ScoreFunction::softmax)
    scores.probabilities = softmax(scores.logits);
  else
    for (const float z : scores.logits) scores.probabilities.push_back(sigmoid(z));
  return scores;
}

}  // namespace backlight
