// Gradient times activation at each position, without a mean over positions first:
//
//   hirescam              L = Σ_k g_k ∘ A_k       Draelos and Carin 2020, arXiv:2011.08891
//   grad-cam-elementwise  L = Σ_k [g_k ∘ A_k]⁺    pytorch-grad-cam
//   layercam              L = Σ_k [g_k]⁺ ∘ A_k    Jiang et al. 2021, doi:10.1109/TIP.2021.3089943; its paper joins
//                                                 maps of several layers by tanh(γ·L/max L), γ = 2 (fused_map)
//
// hirescam shows what a linear layer made of the value at each position: where one follows, alone, Σ_ij L is the score
// without its bias.
#include <algorithm>
#include <array>

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"

namespace backlight {
namespace {

constexpr std::array kHiResPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::captum};
constexpr std::array kElementwisePresets{Preset::pytorch_grad_cam};
constexpr std::array kLayerCamPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::torch_cam};

template <double (*term)(double a, double g)>
std::vector<Result> answer_elementwise(Probe& probe, const Question& question, BackwardRule) {
  return layer_maps(probe, question, [](const LayerValues& at) {
    LayerTerms terms;
    for (std::int64_t i = 0; i < at.channels * at.plane; ++i) terms.values.push_back(term(at.a[i], at.g[i]));
    return terms;
  });
}

double hires_term(double a, double g) { return g * a; }
double rectified_term(double a, double g) { return std::max(g * a, 0.0); }
double layer_cam_term(double a, double g) { return std::max(g, 0.0) * a; }

}  // namespace

namespace method {

Method hires_cam() {
  return {.name = "hirescam",
          .summary = "where the layer's values, each by its own gradient, add up to the score",
          .paper = "arXiv:2011.08891",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .smoothable = true,
          .identity = {.to = "grad-cam"},
          .presets = kHiResPresets,
          .answer = answer_elementwise<hires_term>};
}

Method grad_cam_elementwise() {
  return {.name = "grad-cam-elementwise",
          .summary = "hirescam of what speaks for the class alone",
          .paper = "pytorch-grad-cam",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .smoothable = true,
          .identity = {.to = "layercam", .non_negative = true},
          .presets = kElementwisePresets,
          .answer = answer_elementwise<rectified_term>};
}

Method layer_cam() {
  return {.name = "layercam",
          .summary = "activations by their own positive gradients: fit for shallow layers, too",
          .paper = "doi:10.1109/TIP.2021.3089943",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .smoothable = true,
          .fusion_gain = 2,
          .presets = kLayerCamPresets,
          .answer = answer_elementwise<layer_cam_term>};
}

}  // namespace method
}  // namespace backlight
