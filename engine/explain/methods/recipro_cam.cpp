// Recipro-CAM (Byun and Lee 2022, arXiv:2209.14074): what the network says of a layer's value at one position alone.
//
//   L_ij = y(A ∘ M_ij),  M_ij = 1 at i, j and 0 elsewhere, in every channel
//   paper-code   M_ij = the 3×3 kernel 1/16 (1 2 1; 2 4 2; 1 2 1) around i, j, cut at the rim: an option of the
//                authors' code, whose default and OpenVINO's is the one position
//
// y is the target; OpenVINO and the authors take the score's probability, which is another one (Aim::probability).
#include <algorithm>
#include <array>
#include <cstdlib>

#include "engine/explain/methods/list.hpp"

namespace backlight {
namespace {

constexpr std::array kReciproPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::captum,
                                     Preset::torch_cam, Preset::paper_code};

/// M at `at` for the position `kept`, of planes `width` wide.
double recipro_mask(std::int64_t at, std::int64_t kept, std::int64_t width, bool kernel) {
  if (!kernel) return at == kept ? 1 : 0;
  const std::int64_t dy = std::abs(at / width - kept / width), dx = std::abs(at % width - kept % width);
  return std::max(dx, dy) > 1 ? 0 : 0.25 / static_cast<double>((1 + dx) * (1 + dy));
}

std::vector<Result> answer_recipro_cam(Probe& probe, const Question& question, BackwardRule) {
  const Shape shape = probe.activation(*question.layer).shape();
  const std::int64_t width = shape[3], plane = shape[2] * width;
  const bool kernel = question.preset == Preset::paper_code;
  std::vector<Result> results;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const std::vector<double> values = probe.values_from(
        *question.layer, question.target, n, plane,
        [&](std::int64_t kept, std::span<double> a) {
          for (std::size_t i = 0; i < a.size(); ++i)
            a[i] *= recipro_mask(static_cast<std::int64_t>(i) % plane, kept, width, kernel);
        },
        question.batch_bytes);
    Tensor map({shape[2], width}, DType::f64);
    std::ranges::copy(values, map.data<double>());
    results.emplace_back().map = ClassMap{{}, map.to(probe.input().dtype())};
  }
  return results;
}

}  // namespace

Method method::recipro_cam() {
  return {.name = "recipro-cam",
          .summary = "what the network says of each position of the layer alone, without a gradient",
          .paper = "arXiv:2209.14074",
          .needs = {.layer = true},
          .tails = "position",
          .counterfactual = true,
          .presets = kReciproPresets,
          .answer = answer_recipro_cam};
}

}  // namespace backlight
