// The fully connected layer. Saved for backward: x, for the gradient of the weight only.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = x·wᵀ + b for x: N×in, or N×T×in, each of its rows by itself. Parameters, zero at first: "weight", out × in, and
/// "bias", out. Throws Error(usage) unless both are positive.
std::unique_ptr<Layer> linear(std::int64_t in, std::int64_t out, bool bias = true);

}  // namespace backlight
