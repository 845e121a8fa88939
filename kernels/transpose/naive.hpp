#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/transpose/transpose.hpp, for x of N×rows×… .
LayerResult naive_transpose(const LayerInputs& in);

}  // namespace backlight
