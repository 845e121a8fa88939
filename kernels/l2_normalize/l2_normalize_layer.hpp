// Vectors of length one. Saved for backward: x.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x / max(‖x‖₂, eps) over the last dimension. Throws Error(usage) unless eps is positive and finite.
std::unique_ptr<Layer> l2_normalize(double eps = 1e-12);

}  // namespace backlight
