// Sum of a value and one that is repeated along one dimension of it. Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x[0] + x[1], whose extents are equal but for one, which may be 1 in x[1]: N×P×D plus N×1×D adds a vector to
/// every position.
std::unique_ptr<Layer> broadcast_add();

}  // namespace backlight
