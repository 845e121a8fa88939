#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/multiply/multiply.hpp.
LayerResult naive_multiply(const LayerInputs& in);

}  // namespace backlight
