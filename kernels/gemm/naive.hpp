#pragma once

#include "engine/core/tensor.hpp"

namespace backlight {

/// c + a·b, in double: c is m×n, a m×k, b k×n.
Tensor naive_gemm(const Tensor& a, const Tensor& b, const Tensor& c);

}  // namespace backlight
