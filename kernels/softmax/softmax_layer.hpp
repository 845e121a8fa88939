// Softmax and log-softmax. Saved for backward: y.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// Which dimension a distribution lies along.
enum class Classes : std::uint8_t {
  second,  ///< N×K, N×C×H×W
  last,    ///< N×T×K: one for each word
};

/// y = exp(x) / Σ exp(x).
std::unique_ptr<Layer> softmax(Classes classes = Classes::second);
/// y = log softmax(x), without the loss of precision.
std::unique_ptr<Layer> log_softmax(Classes classes = Classes::second);
/// The softmax over dimension 1 of x[0], N×T×…, in which only the positions take part whose token in x[1], N×T of
/// int32, is not 0. The others' y is zero, and so is all of an item without any.
std::unique_ptr<Layer> masked_softmax();

}  // namespace backlight
