// A learned vector for each token. Saved for backward: the tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/graph/layer.hpp"

namespace backlight {

/// y = weight[x] for tokens x of int32, N×T, whose ids lie in [0, rows): N×T×width. The vector of the id `padding` is
/// zero, whatever its row holds, and has no gradient. Parameter, zero at first: "weight", rows × width. Throws
/// Error(usage) unless both are positive and the padding is a row; forward throws Error(bad_input) for another id on
/// the CPU, while on CUDA its vector is NaN.
std::unique_ptr<Layer> embedding(std::int64_t rows, std::int64_t width,
                                 std::optional<std::int64_t> padding = {});

}  // namespace backlight
