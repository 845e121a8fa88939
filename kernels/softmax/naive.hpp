#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/softmax/softmax.hpp; backward as the sum over the full Jacobian.
LayerResult naive_softmax(bool log, const LayerInputs& in);

}  // namespace backlight
