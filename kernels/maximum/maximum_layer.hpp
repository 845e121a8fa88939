// The larger of two values of one shape, element by element. Saved for backward: both. No rule but `standard` is
// defined at it: dx is the gradient under every rule.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = max(x[0], x[1]). Where they are equal, the first takes the whole gradient.
std::unique_ptr<Layer> maximum();

}  // namespace backlight
