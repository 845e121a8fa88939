#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/softmax/softmax.hpp; backward as the sum over the full Jacobian.
LayerResult naive_softmax(bool log, const LayerInputs& in);
/// The same of the classes whose token, in.x[1], is not 0.
LayerResult naive_masked_softmax(const LayerInputs& in);

}  // namespace backlight
