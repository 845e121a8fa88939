#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/square/square.hpp.
LayerResult naive_square(const LayerInputs& in);

}  // namespace backlight
