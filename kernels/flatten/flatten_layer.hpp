// N×C×H×W as rows of N×(C·H·W). Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x with all dimensions behind the first merged.
std::unique_ptr<Layer> flatten();

}  // namespace backlight
