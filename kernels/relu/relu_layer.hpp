// ReLU and ReLU6. Saved for backward: y.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = max(x, 0), any shape.
std::unique_ptr<Layer> relu();
/// y = min(max(x, 0), 6), any shape.
std::unique_ptr<Layer> relu6();

}  // namespace backlight
