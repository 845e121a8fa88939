#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/l2_normalize/l2_normalize.hpp; backward as the sum over the full Jacobian.
LayerResult naive_l2_normalize(double scale, double eps, bool detached, const LayerInputs& in);

}  // namespace backlight
