#pragma once

#include "engine/graph/op_kind.hpp"
#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/activation/activation.hpp; `slope` is that of leaky_relu, `approximate` asks for
/// gelu by tanh.
LayerResult naive_activation(OpKind kind, double slope, bool approximate, const LayerInputs& in);

}  // namespace backlight
