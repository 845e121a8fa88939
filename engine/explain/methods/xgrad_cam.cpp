// XGrad-CAM (Fu et al. 2020, arXiv:2008.02312), with S_k = Σ_ij A_k:
//
//   L = Σ_k w_k A_k,  w_k = Σ_ij g_k A_k / S_k
//
// The mean of g over positions, each as much as it is active. paper: 0 where S_k is 0; pytorch-grad-cam and torch-cam
// add 1e-7 and 1e-8 to S_k. Σ_ij L = Σ g∘A, which is the score of a layer that only piecewise linear ones without
// biases follow.
#include <array>

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"

namespace backlight {
namespace {

constexpr std::array kXGradPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::torch_cam};

double xgrad_epsilon(Preset preset) {
  return preset == Preset::pytorch_grad_cam ? 1e-7 : preset == Preset::torch_cam ? 1e-8 : 0;
}

std::vector<Result> answer_xgrad_cam(Probe& probe, const Question& question, BackwardRule) {
  return layer_maps(probe, question, [&](const LayerValues& at) {
    std::vector<double> weights;
    for (std::int64_t k = 0; k < at.channels; ++k) {
      double sum = xgrad_epsilon(question.preset), product = 0;
      for (std::int64_t i = 0; i < at.plane; ++i) {
        sum += at.activations(k)[i];
        product += at.activations(k)[i] * at.gradient(k)[i];
      }
      weights.push_back(sum == 0 ? 0 : product / sum);
    }
    return weighted_terms(at, std::move(weights));
  });
}

}  // namespace

Method method::xgrad_cam() {
  return {.name = "xgrad-cam",
          .summary = "grad-cam, with the gradient weighed by where a channel is active",
          .paper = "arXiv:2008.02312",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .smoothable = true,
          .identity = {.to = "grad-cam", .non_negative = true},
          .presets = kXGradPresets,
          .answer = answer_xgrad_cam};
}

}  // namespace backlight
