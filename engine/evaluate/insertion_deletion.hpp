// Insertion and deletion (Petsiuk et al. 2018, RISE, arXiv:1806.07421): how the class's score follows when the
// strongest pixels come first, or go first.
#pragma once

#include <span>
#include <vector>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// The score after a share of the pixels has changed.
struct ScoreCurve {
  std::vector<double> shares;  ///< 0 … 1, rising
  std::vector<double> scores;

  /// The trapezoids below it; over equal steps, RISE's (Σ − first/2 − last/2)/(points − 1).
  double area() const;
};

/// As RISE has it, and as torch-cam unless it is told otherwise: insertion that starts from zeros, scores before softmax.
struct ScoreCurveOptions {
  /// Both ends among them; 0: RISE's, a row's number of pixels at a time (225 at 224²). Curves of other numbers do not
  /// compare.
  std::int64_t points = 0;
  bool insertion_from_zeros = false;  ///< where deletion ends, in place of `blurred`
  Aim aim = Aim::probability;
};

/// From what `blurred` gives of x to x. Point i has the first round(i/(points − 1)·H·W) pixels of the map's order. RISE
/// follows the top class of the whole picture; this, the scorer's. Throws Error(usage) for less than two points, and as
/// Scorer::pixels_of.
ScoreCurve insertion(const Scorer& scorer, const Tensor& map, const ScoreCurveOptions& options = {});
/// From x to zeros of the (normalised) input.
ScoreCurve deletion(const Scorer& scorer, const Tensor& map, const ScoreCurveOptions& options = {});

/// RISE's blur of N×C×H×W: σ = 5 on 11 taps, of which each has the weights that a Gaussian reflected at the kernel's
/// rim (SciPy's gaussian_filter) leaves there, so that they sum to 1; zeros beyond the picture, whose rim becomes dark.
Tensor blurred(const Tensor& x);

}  // namespace backlight
