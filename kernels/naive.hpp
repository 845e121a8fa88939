// kernels/<operation>/naive.cpp is an operation as its equations read: loops in double, for the eye. The tests
// hold the kernels to it; the library has none of it. This is what they share.
#pragma once

#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight {

/// What a layer is given, and dy.
struct LayerInputs {
  std::vector<Tensor> x;
  std::vector<Tensor> w;  ///< its parameters
  Tensor dy;
  std::vector<Tensor> more_dy;  ///< where it makes several values: those of the others
};

/// What it makes of that.
struct LayerResult {
  Tensor y;
  std::vector<Tensor> more_y;  ///< where it makes several values: the others
  std::vector<Tensor> dx;      ///< one per input; undefined for tokens
  std::vector<Tensor> dw;      ///< one per parameter; undefined for those that are not trainable
};

/// What an operation with one input, a weight and a bias computes, for a given dy. All are float64.
struct NaiveResult {
  Tensor y, dx, dw, db;
};

/// Where elements of N×C×H×W or N×C lie, as N×C×plane.
struct NaiveLayout {
  std::int64_t batch, channels, plane;
  explicit NaiveLayout(const Shape& s) : batch(s[0]), channels(s[1]), plane(s.numel() / (s[0] * s[1])) {}
  std::int64_t at(std::int64_t image, std::int64_t c, std::int64_t i) const {
    return (image * channels + c) * plane + i;
  }
};

/// For one input x and a y of the same shape.
inline LayerResult naive_zeros(const Shape& shape) {
  LayerResult result;
  result.y = Tensor::zeros(shape, DType::f64);
  result.dx.push_back(Tensor::zeros(shape, DType::f64));
  return result;
}

}  // namespace backlight
