// Activations but ReLU and ReLU6, of any shape; activation.hpp has the equations. Saved for backward: y of sigmoid and
// tanh, x of the others. No rule but `standard` is defined at them (engine/graph/rule.hpp): dx is the gradient under
// every rule.
#pragma once

#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

std::unique_ptr<Layer> sigmoid();
std::unique_ptr<Layer> tanh();
/// x·σ(x), also called swish.
std::unique_ptr<Layer> silu();
std::unique_ptr<Layer> hard_sigmoid();
std::unique_ptr<Layer> hard_swish();
/// Throws Error(usage) for a slope that is not finite.
std::unique_ptr<Layer> leaky_relu(double negative_slope = 0.01);
/// By the error function, or approximated by tanh.
std::unique_ptr<Layer> gelu(bool approximate = false);

}  // namespace backlight
