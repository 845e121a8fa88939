// Concatenation along the channels. Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x[0], x[1], … one behind the other in dimension 1; the other extents must agree.
std::unique_ptr<Layer> concat();

}  // namespace backlight
