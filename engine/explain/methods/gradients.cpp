// Maps at the input: the gradient of the target with respect to it, x of C×H×W, under a backward rule
// (engine/graph/rule.hpp), and its product with Grad-CAM's map:
//
//   gradient                           ∂y/∂x                             Simonyan et al. 2013, arXiv:1312.6034
//   guided-backprop                    ∂y/∂x under the rule guided       Springenberg et al. 2014, arXiv:1412.6806
//   deconvnet                          ∂y/∂x under the rule deconvnet    Zeiler and Fergus 2013, arXiv:1311.2901
//   guided-grad-cam, deconv-grad-cam   those two times grad-cam's map enlarged, as the preset has it
#include <array>

#include "engine/explain/methods/grad_cam.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/methods/per_image.hpp"

namespace backlight {
namespace {

/// Those that define a product of map and gradient.
constexpr std::array kProductPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::captum};

std::vector<Result> answer_gradient(Probe& probe, const Question& question, BackwardRule rule) {
  return per_image(nullptr, &probe.gradient(probe.network().input(), question.target, rule));
}

std::vector<Result> answer_product(Probe& probe, const Question& question, BackwardRule rule) {
  std::vector<Result> results = answer_grad_cam(probe, question, rule);
  const Tensor& gradients = probe.gradient(probe.network().input(), question.target, rule);
  for (std::size_t n = 0; n < results.size(); ++n)
    results[n].gradient = guided_product(image_of(gradients, n), results[n].map->map, question.preset);
  return results;
}

}  // namespace

namespace method {

Method guided_backprop() {
  return {.name = "guided-backprop",
          .summary = "fine detail: ReLUs that were open let positive gradients through",
          .paper = "arXiv:1412.6806",
          .needs = {.input_gradient = true},
          .rule = BackwardRule::guided,
          .backwards = 1,
          .answer = answer_gradient};
}

Method deconvnet() {
  return {.name = "deconvnet",
          .summary = "fine detail: every ReLU lets positive gradients through",
          .paper = "arXiv:1311.2901",
          .needs = {.input_gradient = true},
          .rule = BackwardRule::deconvnet,
          .backwards = 1,
          .answer = answer_gradient};
}

Method guided_grad_cam() {
  return {.name = "guided-grad-cam",
          .summary = "guided-backprop times grad-cam",
          .paper = "arXiv:1610.02391",
          .needs = {.layer = true, .input_gradient = true},
          .rule = BackwardRule::guided,
          .backwards = 2,
          .counterfactual = true,
          .smoothable = true,
          .presets = kProductPresets,
          .answer = answer_product};
}

Method deconv_grad_cam() {
  return {.name = "deconv-grad-cam",
          .summary = "deconvnet times grad-cam",
          .paper = "arXiv:1610.02391",
          .needs = {.layer = true, .input_gradient = true},
          .rule = BackwardRule::deconvnet,
          .backwards = 2,
          .counterfactual = true,
          .smoothable = true,
          .presets = kProductPresets,
          .answer = answer_product};
}

Method gradient() {
  return {.name = "gradient",
          .summary = "which change of a pixel would change the score most",
          .paper = "arXiv:1312.6034",
          .needs = {.input_gradient = true},
          .backwards = 1,
          .answer = answer_gradient};
}

}  // namespace method
}  // namespace backlight
