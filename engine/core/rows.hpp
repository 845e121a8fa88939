// Chosen rows of a batch.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core/tensor.hpp"

namespace backlight {

/// values[rows[0]], values[rows[1]], ... along the first dimension, of a tensor in the host's memory; a row may come
/// more than once. Throws Error(usage) for one that there is not.
Tensor rows_of(const Tensor& values, std::span<const std::int64_t> rows);

}  // namespace backlight
