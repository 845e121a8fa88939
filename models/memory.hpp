// Whether a picture left at its own size fits into memory: asked first, because a system that runs out of it
// ends the program without a word.
#pragma once

#include <cstdint>

#include "engine/graph/network.hpp"

namespace backlight {

/// Bytes of activations that a forward of this input holds at least: all of them when a backward goes to the
/// input, otherwise the largest layer's inputs and output.
std::int64_t least_memory(const Network& network, const Shape& input, bool backward_to_input);

/// Bytes that this process may still take, by the system's and the control group's word.
std::int64_t free_memory();

}  // namespace backlight
