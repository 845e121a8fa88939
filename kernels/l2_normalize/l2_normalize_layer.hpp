// Vectors of one length. Saved for backward: x.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = scale·x / max(‖x‖₂, eps) over the last dimension. `detached`: the backward pass takes the length for a constant,
/// as where PyTorch's code detaches it. Throws Error(usage) unless scale and eps are positive and finite.
std::unique_ptr<Layer> l2_normalize(double scale = 1, double eps = 1e-12, bool detached = false);

}  // namespace backlight
