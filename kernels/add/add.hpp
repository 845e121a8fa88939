// Elementwise sum, of a residual connection or of the gradients that meet at a fan-out.
//
//   forward    y = a + b
//   backward   da = dy, db = dy
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

namespace cpu {

/// y may be a or b.
template <class T>
void add_forward(Context& context, std::int64_t count, const T* a, const T* b, T* y);

/// The gradient with respect to either term; called once per term that wants it.
template <class T>
void add_backward(Context& context, std::int64_t count, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void add_forward(Context& context, std::int64_t count, const float* a, const float* b, float* y);
void add_backward(Context& context, std::int64_t count, const float* dy, float* dx);

constexpr Cost add_forward_cost(std::int64_t count) { return {12 * count, count}; }
constexpr Cost add_backward_cost(std::int64_t count) { return {8 * count, 0}; }

}  // namespace cuda
}  // namespace backlight
