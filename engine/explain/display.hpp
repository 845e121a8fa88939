// From raw maps and gradients to what is shown. Well-made programs differ silently in every step of this; a
// preset fixes all of them at once, as the program that it is named after does, and goldens of that program
// pin it.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "engine/explain/explanation.hpp"
#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {

///                      paper               pytorch_grad_cam        captum          torch_cam
/// α                    sum                 mean                    mean            mean
/// ReLU on the map      yes                 yes                     no              yes
/// normalised           min-max, upsampled  coarse, and upsampled   not             min-max, coarse
/// upsampling           align-corners       half-pixel bilinear     nearest         bicubic
/// Guided Grad-CAM with the unnormalised    the normalised map      the ReLU'd map  (not defined)
/// gradient shown by    joint min-max       deprocess_image         2 % outliers    joint min-max
/// box                  where the ReLU'd map, upsampled so, has 15 % of its maximum
///
/// paper: github ramprs/grad-cam (Lua); pytorch_grad_cam 1.5; captum 0.9; torch_cam 0.5.
///
/// paper_code is for methods whose authors' code computes something else than their paper says, grad-cam++ alone
/// (github adityac94/Grad_CAM_plus_plus); shown as it does, the ReLU'd map divided by its maximum and upsampled
/// half-pixel bilinear, and laid over the picture, which it does not, as pytorch_grad_cam's.
enum class Preset : std::uint8_t { paper, pytorch_grad_cam, captum, torch_cam, paper_code };

/// Those that define what every method can have.
inline constexpr std::array kPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::captum,
                                     Preset::torch_cam};

/// "paper", "pytorch-grad-cam", "captum", "torch-cam", "paper-code".
std::string_view name_of(Preset preset);
/// Throws Error(usage) with the nearest names.
Preset parse_preset(std::string_view name);

AlphaReduction alpha_reduction(Preset preset);

/// False when no value of the raw map is positive: nothing speaks for the class at this layer.
bool has_positive_evidence(const Tensor& map);

/// A raw h×w map as the preset shows it, over an input of height × width: 0…1, for captum signed and
/// unscaled. A map without positive evidence becomes zero (captum: stays as it is). For torch_cam the map
/// stays coarse, because its overlay enlarges it directly to the picture; `upsample` with Upsampling::bicubic
/// does the same.
Tensor display_map(const Tensor& map, Preset preset, std::int64_t height, std::int64_t width);

/// One map of those of several layers of one image, h×w of any sizes, raw, from the shallowest layer to the deepest.
/// `gain` is LayerCAM's γ; 0 for methods without it.
///   paper             maximum of tanh(γ·M/max M) and, of the deepest, of M/max M; needs a γ
///   pytorch_grad_cam  mean of the maps as it scales them, at height × width
///   torch_cam         maximum of tanh(γ·M), or without γ of M, each scaled to 0…1
/// M is the rectified map. The maximum is taken at the size of the largest map, to which paper enlarges align-corners
/// and torch_cam half-pixel bilinear. Throws as require_fusion.
Tensor fused_map(std::span<const Tensor> maps, Preset preset, double gain, std::int64_t height,
                 std::int64_t width);

/// Throws Error(unsupported) for a preset that joins no such maps.
void require_fusion(Preset preset, double gain);

/// Guided Grad-CAM (or Deconvolution Grad-CAM): the C×H×W gradient times the map at H×W. Throws
/// Error(unsupported) for torch_cam, which has no such method.
Tensor guided_product(const Tensor& gradient, const Tensor& map, Preset preset);

/// What speaks for the class, at height × width: the map rectified at its own resolution, then enlarged as
/// the preset enlarges. Enlarging first would let what speaks against the class eat into what speaks for it.
Tensor enlarged_evidence(const Tensor& map, Preset preset, std::int64_t height, std::int64_t width);

/// Where the evidence lies (paper, section 4.1), on the picture that the user gave: the box around the
/// largest segment of `enlarged_evidence` above 15 % of its maximum. So under captum, too, whose display is
/// signed: a box shows what speaks for the class. Nothing without positive evidence.
std::optional<Box> locate(const Tensor& map, const Placement& placement, Preset preset);

/// The overlay on the picture that the user gave, at its own size. Without positive evidence the picture
/// itself (captum, being signed, shows what there is).
Image overlay(const Image& source, const Tensor& map, const Placement& placement, Preset preset);

/// Only the heatmap, at the picture's size, in the preset's colours.
Image heatmap(const Tensor& map, const Placement& placement, Preset preset);

/// A C×H×W gradient as a picture of the network's input.
Image saliency(const Tensor& gradient, Preset preset);

}  // namespace backlight
