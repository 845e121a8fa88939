// Softmax and log-softmax over dimension 1 of N×K or N×C×H×W. Saved for backward: y.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = exp(x) / Σ exp(x).
std::unique_ptr<Layer> softmax();
/// y = log softmax(x), without the loss of precision.
std::unique_ptr<Layer> log_softmax();

}  // namespace backlight
