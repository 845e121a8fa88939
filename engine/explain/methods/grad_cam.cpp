// Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2) and CAM (Zhou et al. 2016,
// arXiv:1512.04150), with W the class's row of the linear layer or 1×1 convolution that ends the network:
//
//   grad-cam   L = Σ_k w_k A_k,  w_k = 1/(h·w) Σ_ij g_k     by the preset paper Σ_ij g_k, as its code has it
//   cam        L = Σ_k W_k A_k
//
// Both are reductions of the device that the network is on (kernels/grad_cam).
#include "engine/explain/methods/grad_cam.hpp"

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/methods/per_image.hpp"

namespace backlight {
namespace {

/// As they are, or with the first component of the terms in the sum's place.
std::vector<Result> class_maps(const ClassMap& maps, const Probe& probe, NodeId layer,
                               const Question& question) {
  if (!question.eigen_smooth) return per_image(&maps, nullptr);
  return layer_maps(probe.activation(layer), nullptr, reduction_of(question), [&](const LayerValues& at) {
    const Tensor alpha = image_of(maps.alpha, static_cast<std::size_t>(at.image)).to(DType::f64);
    return weighted_terms(at, {alpha.data<double>(), alpha.data<double>() + at.channels});
  });
}

std::vector<Result> answer_cam(Probe& probe, const Question& question, BackwardRule) {
  const ClassMap& maps = probe.cam(question.target);
  return class_maps(maps, probe, find_cam_head(probe.network())->features, question);
}

}  // namespace

std::vector<Result> answer_grad_cam(Probe& probe, const Question& question, BackwardRule) {
  const ClassMap& maps =
      probe.grad_cam(*question.layer, question.target, alpha_reduction(question.preset), path_of(question));
  return class_maps(maps, probe, *question.layer, question);
}

namespace method {

Method grad_cam() {
  return {.name = "grad-cam",
          .summary = "where a layer sees what speaks for the class",
          .paper = "arXiv:1610.02391",
          .needs = {.layer = true},
          .backwards = 1,
          .counterfactual = true,
          .smoothable = true,
          .answer = answer_grad_cam};
}

Method cam() {
  return {.name = "cam",
          .summary = "the same at the last features, by the weights of the layer that pools them",
          .paper = "arXiv:1512.04150",
          .needs = {.cam_head = true},
          .counterfactual = true,
          .smoothable = true,
          .identity = {.to = "grad-cam"},
          .answer = answer_cam};
}

}  // namespace method
}  // namespace backlight
