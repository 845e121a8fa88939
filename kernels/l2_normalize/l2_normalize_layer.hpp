// Vectors of one length. Saved for backward: x.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = scale·x / max(‖x‖₂, eps) over the last dimension. Throws Error(usage) unless both are positive and finite.
std::unique_ptr<Layer> l2_normalize(double scale = 1, double eps = 1e-12);

}  // namespace backlight
