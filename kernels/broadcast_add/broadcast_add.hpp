// Sum of a value and one that is repeated along one dimension of it.
//
//   forward    y[o,r,i] = a[o,r,i] + b[o,i]
//   backward   da = dy,  db[o,i] = Σ_r dy[o,r,i]
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// a and y are outer×repeats×inner, b is outer×inner.
struct BroadcastAddParams {
  std::int64_t outer = 1, repeats = 1, inner = 1;
};

namespace cpu {

/// y may be a.
template <class T>
void broadcast_add_forward(Context& context, const BroadcastAddParams& params, const T* a, const T* b, T* y);
/// The gradient with respect to b; that with respect to a is a copy. Sums in double, in storage order.
template <class T>
void broadcast_add_backward(Context& context, const BroadcastAddParams& params, const T* dy, T* db);

}  // namespace cpu

/// As cpu:: does, with sums in float32 in the same order, in the context's stream.
namespace cuda {

void broadcast_add_forward(Context& context, const BroadcastAddParams& params, const float* a, const float* b,
                           float* y);
void broadcast_add_backward(Context& context, const BroadcastAddParams& params, const float* dy, float* db);

constexpr Cost broadcast_add_forward_cost(const BroadcastAddParams& p) {
  return {4 * p.outer * p.inner * (2 * p.repeats + 1), p.outer * p.inner * p.repeats};
}
constexpr Cost broadcast_add_backward_cost(const BroadcastAddParams& p) {
  return {4 * p.outer * p.inner * (p.repeats + 1), p.outer * p.inner * p.repeats};
}

}  // namespace cuda
}  // namespace backlight
