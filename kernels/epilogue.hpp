// What may follow an operation in the same pass over its result, as it follows in every residual network:
//
//   y = relu(op(x) + residual)
#pragma once

#include <limits>

namespace backlight {

template <class T>
struct Epilogue {
  const T* residual = nullptr;  ///< of y's shape; null adds nothing
  bool relu = false;
  double upper = std::numeric_limits<double>::infinity();  ///< where the ReLU ends, as in ReluParams
};

}  // namespace backlight
