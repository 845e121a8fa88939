// The square of every element.
//
//   forward    y = x²
//   backward   dx = 2·x·dy
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

namespace cpu {

template <class T>
void square_forward(Context& context, std::int64_t count, const T* x, T* y);
/// Overwrites dx.
template <class T>
void square_backward(Context& context, std::int64_t count, const T* x, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void square_forward(Context& context, std::int64_t count, const float* x, float* y);
void square_backward(Context& context, std::int64_t count, const float* x, const float* dy, float* dx);

constexpr Cost square_forward_cost(std::int64_t count) { return {8 * count, count}; }
constexpr Cost square_backward_cost(std::int64_t count) { return {12 * count, 2 * count}; }

}  // namespace cuda
}  // namespace backlight
