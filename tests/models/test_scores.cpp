// Probabilities of a network's outputs, and what is explained for its classes.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/core/error.hpp"
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

TEST_CASE("scores: the best come first, and of equals the lower index") {
  const float outputs[] = {1, 3, 3, -2};
  const ClassScores scores = class_scores(outputs, ScoreFunction::softmax);
  CHECK(scores.best(3) == std::vector<std::int64_t>{1, 2, 0});
  CHECK(scores.best(100) == std::vector<std::int64_t>{1, 2, 0, 3});
  CHECK(scores.best(0).empty());
}

TEST_CASE("scores: one that is not a number is refused by its class") {
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float outputs[] = {1, wrong};
    CHECK_THROWS_WITH_AS(class_scores(outputs, ScoreFunction::softmax),
                         doctest::Contains("the score of class 1"), Error);
  }
}
