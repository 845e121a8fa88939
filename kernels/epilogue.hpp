// What may follow an operation in the same pass over its result, as it follows in every residual network:
//
//   y = relu(op(x) + residual)
#pragma once

#include <cstdint>
#include <limits>

namespace backlight {

template <class T>
struct Epilogue {
  const T* residual = nullptr;  ///< of y's shape; null adds nothing
  bool relu = false;
  double upper = std::numeric_limits<double>::infinity();  ///< where the ReLU ends, as in ReluParams
};

/// What of it belongs to a part of y that begins at element `offset`.
template <class T>
Epilogue<T> behind(Epilogue<T> epilogue, std::int64_t offset) {
  if (epilogue.residual) epilogue.residual += offset;
  return epilogue;
}

/// On the host: to `count` elements of y, from element `offset` of the whole on. The bits of add and relu.
template <class T>
void apply(const Epilogue<T>& epilogue, std::int64_t offset, std::int64_t count, T* y) {
  if (epilogue.residual)
    for (std::int64_t i = 0; i < count; ++i) y[i] = y[i] + epilogue.residual[offset + i];
  if (!epilogue.relu) return;
  const T upper = static_cast<T>(epilogue.upper);
  for (std::int64_t i = 0; i < count; ++i) {
    const T positive = y[i] < T{0} ? T{0} : y[i];
    y[i] = positive > upper ? upper : positive;
  }
}

/// What a run asks of a layer, a ForwardEpilogue, as its kernel takes it.
template <class T>
Epilogue<T> epilogue_as(const auto& asked) {
  Epilogue<T> epilogue{.residual = asked.residual ? asked.residual->template data<T>() : nullptr,
                       .relu = asked.relu_upper.has_value()};
  if (asked.relu_upper) epilogue.upper = *asked.relu_upper;
  return epilogue;
}

}  // namespace backlight
