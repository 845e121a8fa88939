// Products of two matrices for each item, as attention makes them. Saved for backward: both.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y[n] = x[0][n]·x[1][n] for N×m×k and N×k×n: N×m×n. With `transpose_a` x[0] is N×k×m, with `transpose_b` x[1] is
/// N×n×k.
std::unique_ptr<Layer> matmul(bool transpose_a = false, bool transpose_b = false);

}  // namespace backlight
