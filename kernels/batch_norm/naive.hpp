#pragma once

#include "engine/graph/layer.hpp"
#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/batch_norm/batch_norm.hpp; backward as the sum over the full Jacobian.
LayerResult naive_batch_norm2d(double eps, bool training, const LayerInputs& in);

}  // namespace backlight
