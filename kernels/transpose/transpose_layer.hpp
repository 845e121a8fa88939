// A map as a row for each position, and rows as a map of one line. Saved for backward: nothing.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// N×C×H×W as N×(H·W)×C: position by position, line by line, what the channels are there. N×C, a map of one position,
/// as N×1×C.
std::unique_ptr<Layer> positions();
/// N×T×D as N×D×1×T: what convolutions over time read; positions() turns it back.
std::unique_ptr<Layer> line_map();

}  // namespace backlight
