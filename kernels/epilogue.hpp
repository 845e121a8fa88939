// What may follow an operation in the same pass over its result, as it follows in every residual network:
//
//   y = relu(op(x) + residual)
#pragma once

#include <limits>

#include "engine/graph/layer.hpp"

namespace backlight {

template <class T>
struct Epilogue {
  const T* residual = nullptr;  ///< of y's shape; null adds nothing
  bool relu = false;
  double upper = std::numeric_limits<double>::infinity();  ///< where the ReLU ends, as in ReluParams
};

/// What a pass asks of a layer, as its kernel takes it.
template <class T>
Epilogue<T> epilogue_as(const ForwardEpilogue& asked) {
  Epilogue<T> epilogue{.residual = asked.residual ? asked.residual->data<T>() : nullptr,
                       .relu = asked.relu_upper.has_value()};
  if (asked.relu_upper) epilogue.upper = *asked.relu_upper;
  return epilogue;
}

}  // namespace backlight
