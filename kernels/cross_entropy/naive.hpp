#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight {

/// The loss at the top of kernels/cross_entropy/cross_entropy.hpp, its mean over rows of one label each.
double naive_cross_entropy(const Tensor& logits, const std::vector<std::int64_t>& labels, double smoothing);

}  // namespace backlight
