#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/maximum/maximum.hpp.
LayerResult naive_maximum(const LayerInputs& in);

}  // namespace backlight
