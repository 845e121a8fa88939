// engine/explain/display.hpp for a batch that lies in a device's memory: nothing waits, nothing is copied
// to the host, and memory comes from the context alone, so that a graph can hold it. Each result has the
// CPU's bits.
#pragma once

#include <span>

#include "engine/explain/display.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/extrema.hpp"
#include "kernels/grad_cam/grad_cam.hpp"

namespace backlight {

/// Whether a preset's maps are shown on the device. The others' are shown on the host from the coarse map:
/// captum's scale is a quantile of sorted magnitudes, torch-cam enlarges to the picture's own size by a
/// bicubic filter.
bool shown_on_device(Preset preset);

/// A class map per image, and what a display needs to know of each.
struct DeviceMap {
  Tensor map;      ///< N×h×w
  Tensor extrema;  ///< N records of Extrema, of the signed map
};

/// Σ_k α_k A^k, the map of Grad-CAM and of CAM: alpha is N×K, activations N×K×h×w. `rectified` applies the
/// ReLU.
DeviceMap class_map_on_device(Context& context, const Tensor& alpha, const Tensor& activations,
                              MapValues values = MapValues::raw);

struct DeviceDisplay {
  Tensor shown;    ///< N×H×W, 0…1, as display_map gives it
  Tensor overlay;  ///< N×H×W×3 of u8; undefined without pictures
  Tensor product;  ///< N×C×H×W, as guided_product gives it; undefined without gradients
};

/// `pictures` (N×H×W×3 of u8, what the network sees) and `gradient` (N×C×H×W) are null where their results are
/// not wanted. Where nothing speaks for the class the overlay is the picture. A map that is not finite is shown
/// somehow; its extrema tell, see `require_finite`. Throws Error(usage) for shapes that do not fit,
/// Error(unsupported) for a preset that is not shown on the device.
DeviceDisplay display_on_device(Context& context, Preset preset, const DeviceMap& map, std::int64_t height,
                                std::int64_t width, const Tensor* pictures, const Tensor* gradient);

/// Gradients as pictures of the network's input.
struct DeviceSaliency {
  Tensor pictures;  ///< N×H×W×3 of u8
  Tensor extrema;   ///< N records of Extrema, of the gradients
};

/// `gradient` is N×3×H×W, in the order B G R where `bgr`. Throws Error(usage) for other shapes,
/// Error(unsupported) for captum, whose scale is a quantile.
DeviceSaliency saliency_on_device(Context& context, const Tensor& gradient, Preset preset, bool bgr);

/// Throws Error(bad_input) as the CPU's display does, when a map or a gradient held NaN or infinity. Takes
/// the extrema on the host.
void require_finite(std::span<const Extrema> extrema);

}  // namespace backlight
