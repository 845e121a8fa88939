// The end of a network that classifies: from pooled features to scores.
#pragma once

#include <span>

#include "engine/graph/network.hpp"
#include "weights/description.hpp"

namespace backlight {

/// Appends the layers, each under its own name. The network's value must be N×features.
void add_head(Network& net, std::span<const HeadLayer> head);

}  // namespace backlight
