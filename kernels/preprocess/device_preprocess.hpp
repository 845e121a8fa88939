// preprocess() on the device: a picture's bytes go there, and the network's input appears there, with the
// CPU's bits.
#pragma once

#include <span>
#include <vector>

#include "engine/runtime/device.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {

/// The input of a batch in a device's memory, for networks and displays that read it there.
struct DeviceInput {
  Tensor x;     ///< N×C×H×W, normalised
  Tensor seen;  ///< N×H×W×3 of u8, the same pixels before normalising
};

/// An uninitialised input of `batch` pictures, whose addresses stay while pictures come and go.
DeviceInput device_input(Context& context, std::int64_t batch, std::int64_t height, std::int64_t width,
                         std::int64_t channels = 3);

/// Writes image n of the input. Only the rows that are needed and the resize's weights are copied to the
/// device; the picture may go away as soon as this returns. Throws as preprocess() does, Error(unsupported) for four
/// channels, whose alpha is prepared on the CPU only, and Error(usage) where the picture's fit is not of the
/// input's size.
Placement preprocess_on_device(Context& context, const Image& image, const Preprocessing& how, Fit fit,
                               DeviceInput& input, std::int64_t n);

}  // namespace backlight
