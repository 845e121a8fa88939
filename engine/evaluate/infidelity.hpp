// How well an attribution foretells the score of other inputs, and how much it changes with them (Yeh et al. 2019,
// arXiv:1901.09392), as captum 0.9 defines both.
#pragma once

#include <optional>
#include <string>

#include "engine/evaluate/scorer.hpp"

namespace backlight {

/// What becomes of x: x̃ = x − N(0, (0.1·range)²), range = max x − min x; or x̃ = x but for one square, an eighth of
/// the shorter side wide, which is the baseline's.
enum class Perturbation : std::uint8_t { gaussian, square };

/// Draws are a pure function of the seed, the picture's name and their number.
struct PerturbationOptions {
  Perturbation perturbation = Perturbation::gaussian;
  int draws = 10;
  std::uint64_t seed = 0;
  std::string picture = {};
  /// Whether Φ has the input as a factor (input × gradient, integrated gradients): I is then (x − x̃)/(x − x′), else x
  /// − x̃.
  bool multiplied = false;
  /// Multiplies Φ by β = Σ ab/Σ a², a = IᵀΦ, b = f(x) − f(x−I): a scale of Φ then changes nothing.
  bool normalise = false;
};

/// E_I[(IᵀΦ − (f(x) − f(x̃)))²], f the score before softmax, x′ zeros. `attribution` is C×H×W, or H×W, which stands for
/// every channel. Throws Error(usage) for another shape and for less than one draw.
double infidelity(const Scorer& scorer, const Tensor& attribution, const PerturbationOptions& options = {});

struct SensitivityOptions {
  double radius = 0.02;  ///< in the input's units, captum's
  int draws = 10;
  std::uint64_t seed = 0;
  std::string picture = {};
};

/// max over draws δ, uniform in ‖δ‖∞ ≤ radius, of ‖Φ(x+δ) − Φ(x)‖₂/‖Φ(x)‖₂, of a probe of one picture. Φ is what the
/// method gives: a gradient C×H×W, or a map at its own resolution, signed. Nothing where Φ(x) is zero (captum divides
/// by 1 then). Throws Error(usage) for less than one draw, a radius that is not positive, several pictures and a
/// smoothing, and what Method::explain does.
std::optional<double> max_sensitivity(Probe& probe, const Method& method, const Question& question,
                                      const SensitivityOptions& options = {});

}  // namespace backlight
