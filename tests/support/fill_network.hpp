// Parameters by name, so that PyTorch and backlight run the same network without a weights file.
#pragma once

#include <string>

#include "engine/graph/network.hpp"

namespace backlight::test {

/// Weights of rank 2 and more: uniform within ±√(6 / fan-in), which keeps the variance through ReLUs; batch
/// norm's weight and running_var in 0.5…1.5; biases and running_mean within ±0.1. fill_module() of
/// tests/golden/common.py gives the same bits.
void fill_network(Network& network, Context& context);
/// One of them, float32.
void fill_parameter(Tensor& tensor, const std::string& name, Context& context);

}  // namespace backlight::test
