#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/lstm/lstm.hpp, for `layers` layers with biases; in.x is x, and tokens and a
/// state where they are given.
LayerResult naive_lstm(std::int64_t layers, bool tokens, bool state, const LayerInputs& in);

}  // namespace backlight
