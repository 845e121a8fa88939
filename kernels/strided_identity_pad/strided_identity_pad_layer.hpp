// The shortcut without parameters of the CIFAR ResNets. Saved for backward: nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x[:, :, ::stride, ::stride] with as many zero channels in front as behind, `out_channels` in all.
std::unique_ptr<Layer> strided_identity_pad(std::int64_t out_channels, std::int64_t stride);

}  // namespace backlight
