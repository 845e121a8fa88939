// How a backward pass treats every ReLU that it meets. kernels/relu/relu.hpp has the equations.
#pragma once

#include <cstdint>

namespace backlight {

/// Only `standard` is a gradient.
enum class ReluRule : std::uint8_t { standard, deconvnet, guided };

}  // namespace backlight
