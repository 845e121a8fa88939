// Sum of two values of one shape, as a residual connection makes it. Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x[0] + x[1].
std::unique_ptr<Layer> add();

}  // namespace backlight
