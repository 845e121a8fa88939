// The square of every element. Saved for backward: x.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x², any shape.
std::unique_ptr<Layer> square();

}  // namespace backlight
