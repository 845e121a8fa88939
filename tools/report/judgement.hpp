// What a network said of a picture whose class is known, and which pictures a report shows.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "models/scores.hpp"

namespace backlight::tools {

/// So many classes are listed of a picture; a truth among them is right by "top-5".
inline constexpr std::size_t kListedClasses = 5;

struct Judgement {
  std::string name;                     ///< of the picture in the data set, UTF-8
  std::size_t picture = 0;              ///< its place there
  std::vector<std::int64_t> annotated;  ///< classes that are on it, ascending
  std::int64_t truth = 0;               ///< of these the one with the highest score
  std::vector<std::int64_t> best;       ///< the first kListedClasses classes, best first
  std::vector<float> logits;            ///< of these
  std::vector<double> probabilities;    ///< of these
  std::size_t rank = 0;                 ///< the truth's among all classes, from 1
  double probability = 0;               ///< the truth's
  double loss = 0;                      ///< −log of it
  double margin = 0;                    ///< it, less the highest probability of another class

  std::int64_t predicted() const { return best.front(); }
  bool right() const { return truth == predicted(); }
};

/// `annotated` is not empty. Of a sigmoid, each class has a probability of its own.
Judgement judge_scores(const ClassScores& scores, std::vector<std::int64_t> annotated,
                       ScoreFunction function);

enum class Shown : std::uint8_t { balanced, wrong, right, all };

struct Selection {
  Shown shown = Shown::balanced;  ///< all that are wrong, and as many that are right
  std::size_t limit = std::numeric_limits<std::size_t>::max();     ///< of all
  std::size_t per_pair = std::numeric_limits<std::size_t>::max();  ///< of each truth with each prediction
};

/// Indices of those that a report shows, the largest loss first. Where not all fit they are drawn by their names, so
/// that nobody chooses; of a balanced selection one half is wrong, as far as there are enough.
std::vector<std::size_t> select(std::span<const Judgement> judgements, const Selection& how);

}  // namespace backlight::tools
