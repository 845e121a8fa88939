#pragma once

#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/linear/linear.hpp.
NaiveResult naive_linear(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& dy);

}  // namespace backlight
