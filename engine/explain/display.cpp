#include "engine/explain/display.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/core/nearest.hpp"
#include "engine/explain/segment.hpp"
#include "engine/image/map.hpp"
#include "kernels/colormap/colormap.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/saliency/saliency.hpp"

namespace backlight {
namespace {

Tensor positive_part(const Tensor& map) {
  const auto [height, width] = require_map(map, "display");
  Tensor result = map.clone();
  for (float& v : result.values()) v = std::max(v, 0.0f);
  return std::move(result).reshaped({height, width});
}

/// (v - min) / (epsilon + max - min). A constant map becomes zero.
Tensor rescaled(Tensor map, float epsilon) {
  const auto [low, high] = std::ranges::minmax(map.values());
  const float denominator = epsilon + (high - low);
  for (float& v : map.values()) v = high > low ? (v - low) / denominator : 0.0f;
  return map;
}

/// Two factors 1e-7 are pytorch-grad-cam's scale_cam_image, once per layer and once after averaging layers.
constexpr float kScaleCamEpsilon = 1e-7f;
constexpr float kTorchCamEpsilon = 1e-8f;

Upsampling upsampling_of(Preset preset) {
  switch (preset) {
    case Preset::paper:
      return Upsampling::bilinear_align_corners;
    case Preset::pytorch_grad_cam:
    case Preset::paper_code:
      return Upsampling::bilinear;
    case Preset::captum:
      return Upsampling::nearest;
    case Preset::torch_cam:
      return Upsampling::bicubic;
  }
  throw Error(ErrorKind::internal, "a preset that enlarges nothing");
}

OverlayStyle overlay_style(Preset preset) {
  switch (preset) {
    case Preset::paper:
      return OverlayStyle::paper;
    case Preset::pytorch_grad_cam:
    case Preset::paper_code:
      return OverlayStyle::pytorch_grad_cam;
    case Preset::captum:
      return OverlayStyle::captum;
    case Preset::torch_cam:
      return OverlayStyle::torch_cam;
  }
  throw Error(ErrorKind::internal, "a preset without an overlay style");
}

}  // namespace

std::string_view name_of(Preset preset) {
  constexpr std::array<std::string_view, 5> kNames{"paper", "pytorch-grad-cam", "captum", "torch-cam",
                                                   "paper-code"};
  return kNames.at(static_cast<std::size_t>(preset));
}

Preset parse_preset(std::string_view name) {
  std::vector<std::string> names;
  const auto is = [&](Preset preset) {
    names.emplace_back(name_of(preset));
    return name == names.back();
  };
  for (const Preset preset : kPresets)
    if (is(preset)) return preset;
  if (is(Preset::paper_code)) return Preset::paper_code;
  throw Error(ErrorKind::usage, "unknown preset '", name, "'", did_you_mean(name, names),
              ": expected paper, pytorch-grad-cam, captum, torch-cam or paper-code");
}

AlphaReduction alpha_reduction(Preset preset) {
  return preset == Preset::paper ? AlphaReduction::sum : AlphaReduction::mean;
}

bool has_positive_evidence(const Tensor& map) {
  return std::ranges::any_of(map.values(), [](float v) { return v > 0; });
}

Tensor display_map(const Tensor& map, Preset preset, std::int64_t height, std::int64_t width) {
  const Upsampling mode = upsampling_of(preset);
  switch (preset) {
    case Preset::paper: {
      const Tensor positive = positive_part(map);
      // Between equal values rounding would make differences, and rescaling a picture of them.
      const auto [low, high] = std::ranges::minmax(positive.values());
      if (low == high) return Tensor::zeros({height, width});
      return rescaled(upsample(positive, height, width, mode), 0);
    }
    case Preset::pytorch_grad_cam: {
      const Tensor coarse = rescaled(positive_part(map), kScaleCamEpsilon);
      return rescaled(upsample(coarse, height, width, mode), kScaleCamEpsilon);
    }
    case Preset::captum:
      return upsample(map, height, width, mode);
    case Preset::torch_cam:
      return rescaled(positive_part(map), kTorchCamEpsilon);
    case Preset::paper_code: {
      Tensor positive = positive_part(map);
      const float high = std::ranges::max(positive.values());
      for (float& v : positive.values()) v = high > 0 ? v / high : 0;
      return upsample(positive, height, width, mode);
    }
  }
  throw Error(ErrorKind::internal, "a preset without a display map");
}

void require_fusion(Preset preset, double gain) {
  if (preset == Preset::pytorch_grad_cam || preset == Preset::torch_cam ||
      (preset == Preset::paper && gain > 0))
    return;
  throw Error(ErrorKind::unsupported, "preset ", name_of(preset), " joins no maps of several layers",
              preset == Preset::paper ? " but layercam's" : "",
              "; use pytorch-grad-cam, torch-cam, or paper with layercam");
}

Tensor fused_map(std::span<const Tensor> maps, Preset preset, double gain, std::int64_t height,
                 std::int64_t width) {
  require_fusion(preset, gain);
  const bool mean = preset == Preset::pytorch_grad_cam;
  if (!mean) height = width = 0;
  for (const Tensor& map : maps) {
    height = std::max(height, map.shape()[0]);
    width = std::max(width, map.shape()[1]);
  }
  Tensor fused = Tensor::zeros({height, width});
  for (const Tensor& map : maps) {
    const bool deepest = &map == &maps.back();
    Tensor scaled = positive_part(map);
    if (preset == Preset::paper) {
      const float high = std::ranges::max(scaled.values());
      for (float& v : scaled.values()) v = high > 0 ? v / high : 0;
    } else {
      scaled = rescaled(std::move(scaled), mean ? kScaleCamEpsilon : kTorchCamEpsilon);
    }
    if (gain > 0 && !mean && !(deepest && preset == Preset::paper))
      for (float& v : scaled.values()) v = static_cast<float>(std::tanh(gain * v));
    scaled = upsample(scaled, height, width,
                      preset == Preset::paper ? Upsampling::bilinear_align_corners : Upsampling::bilinear);
    std::ranges::transform(fused.values(), scaled.values(), fused.values().begin(), [&](float a, float b) {
      return mean ? a + b / static_cast<float>(maps.size()) : std::max(a, b);
    });
  }
  return fused;
}

Tensor enlarged_evidence(const Tensor& map, Preset preset, std::int64_t height, std::int64_t width) {
  return upsample(positive_part(map), height, width, upsampling_of(preset));
}

std::optional<Box> locate(const Tensor& map, const Placement& placement, Preset preset) {
  const auto segment =
      largest_segment(enlarged_evidence(map, preset, placement.input_height, placement.input_width));
  if (!segment) return std::nullopt;
  return placement.to_source(segment->box);
}

Tensor guided_product(const Tensor& gradient, const Tensor& map, Preset preset) {
  if (gradient.shape().rank() != 3)
    throw Error(ErrorKind::usage, "[guided_product] the gradient is ", gradient.shape(), ", expected C×H×W");
  if (preset == Preset::torch_cam)
    throw Error(ErrorKind::unsupported,
                "preset torch-cam defines no Guided Grad-CAM; use paper, pytorch-grad-cam or captum");
  const std::int64_t channels = gradient.shape()[0], height = gradient.shape()[1],
                     width = gradient.shape()[2];
  const Tensor factor = preset == Preset::pytorch_grad_cam ? display_map(map, preset, height, width)
                                                           : enlarged_evidence(map, preset, height, width);
  Tensor product = gradient.clone();
  for (std::int64_t c = 0; c < channels; ++c)
    std::ranges::transform(factor.values(),
                           product.values().subspan(static_cast<std::size_t>(c * height * width)),
                           product.values().begin() + c * height * width, std::multiplies<>());
  return product;
}

Image overlay(const Image& source, const Tensor& map, const Placement& placement, Preset preset) {
  if (preset != Preset::captum && !has_positive_evidence(map)) return source;
  const Tensor shown = display_map(map, preset, placement.input_height, placement.input_width);
  return overlay_on_source(source, shown, placement, overlay_style(preset));
}

Image heatmap(const Tensor& map, const Placement& placement, Preset preset) {
  Tensor shown = display_map(map, preset, placement.input_height, placement.input_width);
  switch (preset) {
    case Preset::paper:
      return heatmap_on_source(shown, placement, ColorMap::paper_jet);
    case Preset::pytorch_grad_cam:
    case Preset::paper_code:
      return heatmap_on_source(shown, placement, ColorMap::opencv_jet);
    case Preset::torch_cam:
      shown = upsample(shown, placement.input_height, placement.input_width, Upsampling::bicubic);
      for (float& v : shown.values()) v *= v;
      return heatmap_on_source(shown, placement, ColorMap::matplotlib_jet);
    case Preset::captum:
      shown = captum_normalise(shown);
      for (float& v : shown.values()) v = 0.5f + 0.5f * v;
      return heatmap_on_source(shown, placement, ColorMap::red_white_green);
  }
  throw Error(ErrorKind::internal, "a preset without a heatmap");
}

Image saliency(const Tensor& gradient, Preset preset) {
  switch (preset) {
    case Preset::pytorch_grad_cam:
      return saliency_deprocess(gradient);
    case Preset::captum:
      return saliency_captum(gradient);
    case Preset::paper:
    case Preset::torch_cam:
    case Preset::paper_code:
      return saliency_min_max(gradient);
  }
  throw Error(ErrorKind::internal, "a preset without a saliency picture");
}

}  // namespace backlight
