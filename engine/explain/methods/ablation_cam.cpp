// Ablation-CAM (Desai and Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360): weights are what the target loses
// without a channel, y_k being the target with A_k = 0:
//
//   L = Σ_k w_k A_k,  w_k = (y − y_k)/|y|
//   pytorch-grad-cam  w_k = (y − y_k)/y
//
// The paper divides by y, as pytorch-grad-cam does; where y < 0 every sign turns: here what speaks for the target is
// positive whatever y is. pytorch-grad-cam zeroes a channel only where the layer's least value is 0; elsewhere it puts
// ever larger negative numbers in its place, and its maps are noise. Its preset is defined for y > 0 and such layers.
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"

namespace backlight {
namespace {

constexpr std::array kAblationPresets{Preset::paper, Preset::pytorch_grad_cam};

void require_reproducible(const LayerValues& at, double y) {
  const double least = *std::min_element(at.a, at.a + at.channels * at.plane);
  if (least != 0)
    throw Error(ErrorKind::unsupported,
                "preset pytorch-grad-cam defines ablation-cam where the layer's least value ",
                "is 0, and here it is ", least, ", where that program's maps are noise; use preset paper");
  if (!(y > 0))
    throw Error(ErrorKind::unsupported,
                "preset pytorch-grad-cam defines ablation-cam where the target is above 0, ",
                "and here it is ", y, ", where that program turns every sign; use preset paper");
}

/// What the target loses without each channel. One that is 0 anyway is not asked about. y comes from the same passes:
/// a channel which makes no difference has the weight 0.
std::vector<double> ablation_weights(const LayerValues& at, const Probe& probe, const Question& question) {
  std::vector<std::int64_t> live;
  for (std::int64_t k = 0; k < at.channels; ++k)
    if (std::any_of(at.activations(k), at.activations(k) + at.plane, [](double v) { return v != 0; }))
      live.push_back(k);
  const std::vector<double> without =
      probe.values_without(*question.layer, question.target, at.image, live, question.batch_bytes);
  const double y = without.back();
  std::vector<double> weights(static_cast<std::size_t>(at.channels), 0.0);
  for (std::size_t i = 0; i < live.size() && y != 0; ++i)
    weights[static_cast<std::size_t>(live[i])] = (y - without[i]) / std::abs(y);
  return weights;
}

std::vector<Result> answer_ablation_cam(Probe& probe, const Question& question, BackwardRule) {
  const std::vector<double> values = probe.values(question.target);
  return layer_maps(probe.activation(*question.layer), nullptr, reduction_of(question),
                    [&](const LayerValues& at) {
                      if (question.preset == Preset::pytorch_grad_cam)
                        require_reproducible(at, values[static_cast<std::size_t>(at.image)]);
                      return weighted_terms(at, ablation_weights(at, probe, question));
                    });
}

}  // namespace

Method method::ablation_cam() {
  return {.name = "ablation-cam",
          .summary = "grad-cam by what the score loses without a channel, without a gradient",
          .paper = "doi:10.1109/WACV45572.2020.9093360",
          .needs = {.layer = true},
          .tails = "channel",
          .counterfactual = true,
          .smoothable = true,
          .presets = kAblationPresets,
          .answer = answer_ablation_cam};
}

}  // namespace backlight
