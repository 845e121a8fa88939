// What a layer's channels have in common: T as a matrix of positions × channels, v₁ its first right singular vector:
//
//   eigen-cam       L = T·v₁, T = A        Muhammad and Yeasin 2020, arXiv:2008.00299: of no class
//   eigen-grad-cam  L = T·v₁, T = g ∘ A    pytorch-grad-cam
//
// paper: A as it is. pytorch-grad-cam takes each channel's mean over positions off first, which can be quite another
// map. There the sign is LAPACK's accident; here it is that of the sum over channels (first_component).
#include <array>

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"

namespace backlight {
namespace {

constexpr std::array kEigenPresets{Preset::paper, Preset::pytorch_grad_cam};
constexpr std::array kEigenGradPresets{Preset::pytorch_grad_cam};

std::vector<Result> answer_eigen_cam(Probe& probe, const Question& question, BackwardRule) {
  return layer_maps(
      probe.activation(*question.layer), nullptr,
      question.preset == Preset::paper ? TermReduction::first_component : TermReduction::centred_component,
      [](const LayerValues& at) {
        return LayerTerms{{at.a, at.a + at.channels * at.plane}};
      });
}

std::vector<Result> answer_eigen_grad_cam(Probe& probe, const Question& question, BackwardRule) {
  Question smoothed = question;
  smoothed.eigen_smooth = true;
  return find_method("hirescam").answer(probe, smoothed, BackwardRule::standard);
}

}  // namespace

namespace method {

Method eigen_cam() {
  return {.name = "eigen-cam",
          .summary = "what the layer's channels have in common, whatever the class",
          .paper = "arXiv:2008.00299",
          .needs = {.layer = true},
          .class_dependent = false,
          .presets = kEigenPresets,
          .answer = answer_eigen_cam};
}

Method eigen_grad_cam() {
  return {.name = "eigen-grad-cam",
          .summary = "the first component of hirescam's terms",
          .paper = "pytorch-grad-cam",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .presets = kEigenGradPresets,
          .answer = answer_eigen_grad_cam};
}

}  // namespace method
}  // namespace backlight
