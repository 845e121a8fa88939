#include "tools/report/judgement.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/core/random.hpp"

namespace backlight::tools {
namespace {

/// −log p of a class, which stays finite where p is zero.
double loss_of(const ClassScores& scores, std::size_t index, ScoreFunction function) {
  const double logit = scores.logits[index];
  // Of two classes of one output the scores are −z and z, and p is σ(z).
  if (function == ScoreFunction::sigmoid)
    return std::log1p(std::exp(-std::abs(logit))) + std::max(-logit, 0.0);
  const double highest = *std::ranges::max_element(scores.logits);
  double sum = 0;
  for (const float other : scores.logits) sum += std::exp(other - highest);
  return std::log(sum) + highest - logit;
}

}  // namespace

Judgement judge_scores(const ClassScores& scores, std::vector<std::int64_t> annotated,
                       ScoreFunction function) {
  const std::vector<std::int64_t> order = scores.best(scores.logits.size());
  Judgement judged;
  judged.annotated = std::move(annotated);
  const auto truth = std::ranges::find_first_of(order, judged.annotated);
  judged.truth = *truth;
  judged.rank = static_cast<std::size_t>(truth - order.begin()) + 1;
  for (const std::int64_t c : std::span(order).first(std::min(kListedClasses, order.size()))) {
    judged.best.push_back(c);
    judged.logits.push_back(scores.logits[static_cast<std::size_t>(c)]);
    judged.probabilities.push_back(scores.probabilities[static_cast<std::size_t>(c)]);
  }
  const auto at = static_cast<std::size_t>(judged.truth);
  judged.probability = scores.probabilities[at];
  judged.loss = loss_of(scores, at, function);
  const std::size_t other = judged.right() ? 1 : 0;
  judged.margin = judged.probability - (other < judged.best.size() ? judged.probabilities[other] : 0);
  return judged;
}

std::vector<std::size_t> select(std::span<const Judgement> judgements, const Selection& how) {
  std::vector<std::size_t> drawn(judgements.size());
  std::ranges::generate(drawn, [i = std::size_t{0}]() mutable { return i++; });
  std::ranges::stable_sort(drawn, {},
                           [&](std::size_t i) { return random_bits(1, hash_of(judgements[i].name)); });

  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> of_pair;
  std::vector<std::size_t> chosen, right;
  for (const std::size_t i : drawn) {
    const Judgement& judged = judgements[i];
    if ((how.shown == Shown::wrong && judged.right()) || (how.shown == Shown::right && !judged.right()))
      continue;
    if (of_pair[{judged.truth, judged.predicted()}]++ >= how.per_pair) continue;
    (how.shown == Shown::balanced && judged.right() ? right : chosen).push_back(i);
  }
  if (how.shown == Shown::balanced) {
    const std::size_t wrong = std::min(chosen.size(), how.limit - how.limit / 2);
    chosen.resize(wrong);
    right.resize(std::min({right.size(), wrong, how.limit - wrong}));
    chosen.insert(chosen.end(), right.begin(), right.end());
  }
  chosen.resize(std::min(chosen.size(), how.limit));
  std::ranges::sort(chosen, [&](std::size_t a, std::size_t b) {
    return std::pair(-judgements[a].loss, a) < std::pair(-judgements[b].loss, b);
  });
  return chosen;
}

}  // namespace backlight::tools
