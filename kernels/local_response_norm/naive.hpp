#pragma once

#include "kernels/local_response_norm/local_response_norm_layer.hpp"
#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/local_response_norm/local_response_norm.hpp; backward as the sum over
/// the full Jacobian.
LayerResult naive_local_response_norm(const LocalResponseNormOptions& options, const LayerInputs& in);

}  // namespace backlight
