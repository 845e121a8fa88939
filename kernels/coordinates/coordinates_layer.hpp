// Two further channels that say where an element lies. Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// x, N×C×H×W, followed by its columns' and its lines' coordinates, −1 to 1: N×(C+2)×H×W.
std::unique_ptr<Layer> coordinates();

}  // namespace backlight
