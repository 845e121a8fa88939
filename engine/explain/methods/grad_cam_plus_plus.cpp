// Grad-CAM++ (Chattopadhyay et al. 2018, arXiv:1710.11063), with S_k = Σ_ij A_k:
//
//   L = Σ_k w_k A_k,  w_k = Σ_ij α_k [g_k]⁺          the sum is over positions with g > 0
//   paper             α = 1/(2 + S_k g)              equation 19, g²/(2g² + S_k g³), which would underflow
//   paper-code        the same α, divided by its sum over those positions
//   pytorch-grad-cam  α = g²/(2g² + S_k g³ + 1e-6)
//   torch-cam         α = g²: its denominator divides a copy
//
// The paper's class score is e^y, whose derivatives bring the factor e^y to w and to nothing else: left out, as it
// scales the whole map. pytorch-grad-cam's 1e-6 is not small: where A is pooled next, g = W/(h·w), and most of its
// squares lie below.
#include <array>

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"

namespace backlight {
namespace {

constexpr double kPytorchGradCamEpsilon = 1e-6;
constexpr std::array kPlusPlusPresets{Preset::paper, Preset::paper_code, Preset::pytorch_grad_cam,
                                      Preset::torch_cam};

/// 0 for a denominator of 0, which a layer with negative values can have.
double quotient(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

double plus_plus_alpha(double g, double sum, Preset preset) {
  switch (preset) {
    case Preset::pytorch_grad_cam:
      return quotient(g * g, 2 * g * g + sum * g * g * g + kPytorchGradCamEpsilon);
    case Preset::torch_cam:
      return g * g;
    default:
      return quotient(1, 2 + sum * g);
  }
}

double plus_plus_weight(const LayerValues& at, std::int64_t k, Preset preset) {
  const double* a = at.activations(k);
  const double* g = at.gradient(k);
  double sum = 0, weight = 0, alphas = 0;
  for (std::int64_t i = 0; i < at.plane; ++i) sum += a[i];
  for (std::int64_t i = 0; i < at.plane; ++i) {
    if (!(g[i] > 0)) continue;
    const double alpha = plus_plus_alpha(g[i], sum, preset);
    weight += alpha * g[i];
    alphas += alpha;
  }
  return preset == Preset::paper_code ? quotient(weight, alphas) : weight;
}

std::vector<Result> answer_plus_plus(Probe& probe, const Question& question, BackwardRule) {
  return layer_maps(probe, question, [&](const LayerValues& at) {
    std::vector<double> weights;
    for (std::int64_t k = 0; k < at.channels; ++k)
      weights.push_back(plus_plus_weight(at, k, question.preset));
    return weighted_terms(at, std::move(weights));
  });
}

}  // namespace

Method method::grad_cam_plus_plus() {
  return {.name = "grad-cam++",
          .summary = "grad-cam by what only speaks for the class, small instances as much as large ones",
          .paper = "arXiv:1710.11063",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .smoothable = true,
          .identity = {.to = "layercam", .under = Preset::paper_code},
          .presets = kPlusPlusPresets,
          .answer = answer_plus_plus};
}

}  // namespace backlight
