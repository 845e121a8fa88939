// Score-CAM (Wang et al. 2020, arXiv:1910.01279): weights are what the network says of the picture x where a channel's
// own map H_k lets it through, with U enlarging A_k to the picture:
//
//   L = Σ_k w_k A_k,  w = softmax_k(y(x ∘ H_k)),  H_k = (U − min U)/(max U − min U), U half-pixel bilinear
//   paper-code        w_k = y(x ∘ H_k), and 0 of a channel that is constant
//   pytorch-grad-cam  U align-corners, max − min + 1e-8
//   torch-cam         A_k scaled so and then enlarged, max − min + 1e-8
//
// The paper's C_k = y(x ∘ H_k) − y(x_b): what is taken off is the same for all channels and falls out of the softmax.
// A channel that is constant has H_k = 0; all of them share one pass. y is the target; the authors' code takes the
// class's probability, which is another one (Aim::probability), and sums enlarged maps, which is L enlarged.
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/explain/methods/layer_map.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/sampling.hpp"
#include "engine/explain/softmax.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {
namespace {

constexpr std::array kScorePresets{Preset::paper, Preset::pytorch_grad_cam, Preset::torch_cam,
                                   Preset::paper_code};

/// 0…1, zeros where all values are equal.
void scale_to_unit(Tensor& map, double epsilon) {
  const auto [least, greatest] = std::ranges::minmax(map.values());
  const double low = least, range = greatest - low + epsilon;
  for (float& v : map.values()) v = range > 0 ? static_cast<float>((v - low) / range) : 0.0f;
}

/// H_k, height × width.
Tensor score_mask(Tensor channel, Preset preset, std::int64_t height, std::int64_t width) {
  const double epsilon = preset == Preset::pytorch_grad_cam || preset == Preset::torch_cam ? 1e-8 : 0;
  if (preset == Preset::torch_cam) scale_to_unit(channel, epsilon);
  const Upsampling mode =
      preset == Preset::pytorch_grad_cam ? Upsampling::bilinear_align_corners : Upsampling::bilinear;
  Tensor mask = upsample(channel, height, width, mode);
  if (preset != Preset::torch_cam) scale_to_unit(mask, epsilon);
  return mask;
}

/// w of one image of a layer's value of this shape.
std::vector<double> score_weights(const LayerValues& at, const Shape& layer, Probe& probe,
                                  const Question& question) {
  const Shape& input = probe.input().shape();
  std::vector<std::int64_t> live;
  for (std::int64_t k = 0; k < at.channels; ++k) {
    const auto [low, high] =
        std::ranges::minmax(std::span(at.activations(k), static_cast<std::size_t>(at.plane)));
    if (low != high) live.push_back(k);
  }
  const std::int64_t nothing = std::ssize(live);
  const std::vector<double> values = values_of_variants(
      probe, question, at.image, text("score-cam ", name_of(question.preset), " ", *question.layer),
      nothing + 1, [&](std::int64_t i, std::span<double> x) {
        if (i == nothing) {
          std::ranges::fill(x, 0.0);
          return;
        }
        Tensor channel({layer[2], layer[3]});
        const double* const a = at.activations(live[static_cast<std::size_t>(i)]);
        std::ranges::transform(a, a + at.plane, channel.data<float>(),
                               [](double v) { return static_cast<float>(v); });
        const Tensor mask = score_mask(std::move(channel), question.preset, input[2], input[3]);
        for (double* plane = x.data(); plane != x.data() + x.size(); plane += mask.numel())
          std::ranges::transform(mask.values(), std::span(plane, mask.values().size()), plane,
                                 std::multiplies<double>());
      });
  const bool code = question.preset == Preset::paper_code;
  std::vector<double> weights(static_cast<std::size_t>(at.channels), code ? 0 : values.back());
  for (std::size_t i = 0; i < live.size(); ++i) weights[static_cast<std::size_t>(live[i])] = values[i];
  return code ? weights : softmax_of(std::move(weights));
}

std::vector<Result> answer_score_cam(Probe& probe, const Question& question, BackwardRule) {
  const Tensor a = probe.activation(*question.layer);
  return layer_maps(a, nullptr, reduction_of(question), [&](const LayerValues& at) {
    return weighted_terms(at, score_weights(at, a.shape(), probe, question));
  });
}

}  // namespace

Method method::score_cam() {
  return {.name = "score-cam",
          .summary = "grad-cam by the score of the picture through each channel, without a gradient",
          .paper = "arXiv:1910.01279",
          .needs = {.layer = true},
          .passes = "channel",
          .counterfactual = true,
          .smoothable = true,
          .presets = kScorePresets,
          .answer = answer_score_cam};
}

}  // namespace backlight
