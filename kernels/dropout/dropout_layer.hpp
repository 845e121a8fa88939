// Dropout: the identity outside training. Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// In training, zeroes each element with probability p and scales the rest by 1/(1 − p); which ones is a
/// function of Mode::seed, the node and the element's position in the batch. Throws Error(usage) unless
/// 0 ≤ p ≤ 1.
std::unique_ptr<Layer> dropout(double p = 0.5);

}  // namespace backlight
