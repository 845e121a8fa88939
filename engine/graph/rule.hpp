// How a backward pass treats the activations that it meets. kernels/relu/relu.hpp has the equations.
#pragma once

#include <cstdint>

namespace backlight {

/// Only `standard` is a gradient.
enum class BackwardRule : std::uint8_t { standard, deconvnet, guided };

}  // namespace backlight
