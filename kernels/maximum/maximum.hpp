// The larger of two values, element by element; the first of two that are equal.
//
//   forward    y = a ≥ b ? a : b           NaN where either is
//   backward   da = a ≥ b ? dy : 0,  db = dy − da
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

namespace cpu {

/// y may be a or b.
template <class T>
void maximum_forward(Context& context, std::int64_t count, const T* a, const T* b, T* y);
/// The gradient with respect to the first value, or to the second one. `first` and `second` are a and b.
template <class T>
void maximum_backward(Context& context, std::int64_t count, bool of_first, const T* first, const T* second,
                      const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void maximum_forward(Context& context, std::int64_t count, const float* a, const float* b, float* y);
void maximum_backward(Context& context, std::int64_t count, bool of_first, const float* first,
                      const float* second, const float* dy, float* dx);

constexpr Cost maximum_forward_cost(std::int64_t count) { return {12 * count, count}; }
constexpr Cost maximum_backward_cost(std::int64_t count) { return {16 * count, count}; }

}  // namespace cuda
}  // namespace backlight
