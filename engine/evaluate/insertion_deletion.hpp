// Insertion and deletion (Petsiuk et al. 2018, RISE, arXiv:1806.07421): how the class's score follows when the
// strongest pixels come first, or go first.
#pragma once

#include <span>
#include <vector>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// The score after a share of the pixels has changed.
struct Curve {
  std::vector<double> shares;  ///< 0 … 1, rising
  std::vector<double> scores;

  /// The trapezoids below it; over equal steps, RISE's (Σ − first/2 − last/2)/(points − 1).
  double area() const;
};

struct InsertionDeletionOptions {
  /// Of each curve, both ends among them; 0: RISE's, a row's number of pixels at a time (225 at 224²). Curves of other
  /// numbers do not compare.
  std::int64_t points = 0;
  /// Insertion starts from zeros, as deletion ends there, and as torch-cam has it; RISE starts from the blurred
  /// picture.
  bool insertion_from_zeros = false;
  Aim aim = Aim::probability;  ///< torch-cam: the score, unless it is told otherwise
};

struct InsertionDeletion {
  Curve insertion, deletion;
};

/// Deletion goes from x to zeros of the (normalised) input, insertion from what `blurred` gives to x; pixel count k of
/// point i is round(i/(points − 1)·H·W) of the map's order. The score is the probability of the scorer's class: RISE's
/// own is the top class of the whole picture. Throws Error(usage) for less than two points, and as Scorer::pixels_of.
InsertionDeletion insertion_deletion(const Scorer& scorer, const Tensor& map,
                                     const InsertionDeletionOptions& options = {});

/// RISE's blur of N×C×H×W: σ = 5 on 11 taps, of which each has the weights that a Gaussian reflected at the kernel's
/// rim (SciPy's gaussian_filter) leaves there, so that they sum to 1; zeros beyond the picture, whose rim becomes dark.
Tensor blurred(const Tensor& x);

}  // namespace backlight
