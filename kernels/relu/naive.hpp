#pragma once

#include "engine/graph/rule.hpp"
#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/relu/relu.hpp; `upper` is infinity for ReLU and 6 for ReLU6.
LayerResult naive_relu(double upper, BackwardRule rule, const LayerInputs& in);

}  // namespace backlight
