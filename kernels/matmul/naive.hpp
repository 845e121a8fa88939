#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/matmul/matmul.hpp.
LayerResult naive_matmul(bool transpose_a, bool transpose_b, const LayerInputs& in);

}  // namespace backlight
