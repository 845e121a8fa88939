// Product of two values, as gates and attention make it. Saved for backward: both.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x[0]·x[1], of equal rank; an extent of 1 is repeated along the other's, as in NumPy: N×C×H×W times N×C×1×1
/// scales channels.
std::unique_ptr<Layer> multiply();

}  // namespace backlight
