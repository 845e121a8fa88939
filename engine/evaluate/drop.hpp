// What a map hides from the network: average drop, increase (Chattopadhyay et al. 2018, Grad-CAM++, section 4.1), and
// ADCC (Poppi et al. 2021).
#pragma once

#include <optional>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// The probability of the class for x, and for x∘M + b∘(1−M), where M is the map's unit_range and b what fills the
/// rest.
struct Confidence {
  double before = 0, after = 0;

  /// max(0, before − after) / before: the relative drop; its mean over pictures, times 100, is the average drop.
  double drop() const { return before > 0 ? absolute_drop() / before : 0; }
  /// max(0, before − after), which pytorch-grad-cam's DropInConfidence gives.
  double absolute_drop() const { return before > after ? before - after : 0; }
  /// torch-cam's ClassificationMetric: max(0, before − after) / (before + 1e-7). Of the scores, unless it is told
  /// otherwise: where before is negative the sign turns.
  double torch_cam_drop() const { return absolute_drop() / (before + 1e-7); }
  bool increases() const { return after > before; }
};

/// `fill`: 1×C×H×W, b; undefined: zeros, the mean colour of a normalised input, as all programs have it that multiply
/// the normalised input. Throws as Scorer::pixels_of, and Error(usage) for a fill of another shape.
Confidence confidence(const Scorer& scorer, const Tensor& map, const Tensor& fill = {},
                      Aim aim = Aim::probability);

/// Average drop, coherency and complexity in one number (arXiv:2104.10252): the harmonic mean of coherency, 1 −
/// complexity and 1 − drop; 0 where one of them is. pytorch-grad-cam's ARCC has 1 − clip(2·ROAD combined, 0, 1) in the
/// drop's place.
struct Adcc {
  /// (1 + Pearson(M(x), M(x∘M(x))))/2; nothing where one of the maps is constant.
  std::optional<double> coherency = {};
  double complexity = 0;  ///< mean of M, 0…1
  double drop = 0;

  std::optional<double> value() const;
};

/// Of image 0 of the probe, which was made as the method needs, and what the method says of it: `map` as measured_map
/// gives it, of which M is the unit_range, and its drop. The method is asked about the masked picture alone. Throws what
/// Method::explain does.
Adcc adcc(Probe& probe, const Method& method, const Question& question, const Tensor& map, double drop);

}  // namespace backlight
