#pragma once

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/naive.hpp"

namespace backlight {

/// The equations at the top of kernels/conv2d/conv2d.hpp.
NaiveResult naive_conv2d(const Conv2dParams& params, const Tensor& x, const Tensor& w, const Tensor& b,
                         const Tensor& dy);

}  // namespace backlight
