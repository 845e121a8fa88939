// Deliberately simple references in double precision: loops as the equations read.
#pragma once

#include "engine/core/tensor.hpp"
#include "kernels/conv2d/conv2d.hpp"

namespace backlight::test {

/// What an operation with one input, a weight and a bias computes, for a given dy. All are float64.
struct NaiveResult {
  Tensor y, dx, dw, db;
};

/// The equations at the top of kernels/conv2d/conv2d.hpp.
NaiveResult naive_conv2d(const Conv2dParams& params, const Tensor& x, const Tensor& w, const Tensor& b,
                         const Tensor& dy);

/// The equations at the top of kernels/linear/linear.hpp.
NaiveResult naive_linear(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& dy);

}  // namespace backlight::test
