// Probabilities of a network's outputs, and what is explained for its classes.
#include <doctest/doctest.h>

#include <cmath>

#include "models/scores.hpp"

using namespace backlight;

TEST_CASE("scores: the softmax of several outputs sums to one, whatever their size") {
  const float outputs[] = {1000, 1001, 998};
  const ClassScores scores = class_scores(outputs, ScoreFunction::softmax);
  CHECK(scores.logits == std::vector<float>{1000, 1001, 998});
  CHECK(scores.probabilities[0] + scores.probabilities[1] + scores.probabilities[2] == doctest::Approx(1));
  CHECK(scores.probabilities[1] / scores.probabilities[0] == doctest::Approx(std::exp(1.0)));
}

TEST_CASE("scores: the sigmoid gives each class a probability of its own") {
  const float outputs[] = {2, 2, -800, 800};
  const ClassScores scores = class_scores(outputs, ScoreFunction::sigmoid);
  CHECK(scores.probabilities[0] == doctest::Approx(0.8807970779778823));
  CHECK(scores.probabilities[0] == scores.probabilities[1]);
  CHECK(scores.probabilities[2] == 0);
  CHECK(scores.probabilities[3] == 1);
}

TEST_CASE("scores: one output has two outcomes, which are each other's negative") {
  const float outputs[] = {0.5f};
  const ClassScores scores = class_scores(outputs, ScoreFunction::sigmoid);
  CHECK(scores.logits == std::vector<float>{-0.5f, 0.5f});
  CHECK(scores.probabilities[1] == doctest::Approx(0.6224593312018546));
  CHECK(scores.probabilities[0] == doctest::Approx(1 - 0.6224593312018546));
}
