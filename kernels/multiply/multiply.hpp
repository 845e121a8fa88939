// Elementwise product of two values of equal rank. An extent of 1 of either is repeated along the other's.
//
//   forward    y = a·b
//   backward   da = Σ dy·b    over the elements of y that an element of a had a part in; db likewise
#pragma once

#include <array>
#include <cstdint>

#include "engine/core/tensor.hpp"
#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// Loops over y, the outermost first. Dimensions along which both factors lie alike are one axis.
struct MultiplyParams {
  /// How far apart an axis's neighbours lie; 0 where a factor is repeated.
  struct Axis {
    std::int64_t extent = 1, y = 1, a = 1, b = 1;
  };
  std::array<Axis, Shape::kMaxRank> axes;
  int rank = 0;

  /// Of factors whose extents are equal, or 1.
  MultiplyParams(const Shape& a, const Shape& b);
  /// The axes along which a lies, which are loops over a; those along which it is repeated.
  MultiplyParams of_a() const {
    return where([](const Axis& axis) { return axis.a != 0; });
  }
  MultiplyParams repeating_a() const {
    return where([](const Axis& axis) { return axis.a == 0; });
  }
  MultiplyParams of_b() const {
    return where([](const Axis& axis) { return axis.b != 0; });
  }
  std::int64_t count() const;

 private:
  MultiplyParams() = default;
  MultiplyParams where(bool (*so)(const Axis&)) const;
};

namespace cpu {

template <class T>
void multiply_forward(Context& context, const MultiplyParams& params, const T* a, const T* b, T* y);

/// The gradient with respect to a; with the factors in each other's place, that with respect to b. Sums in double, in
/// storage order.
template <class T>
void multiply_backward(Context& context, const MultiplyParams& params, const T* b, const T* dy, T* da);

}  // namespace cpu

/// As cpu:: does, where nothing is summed bit for bit; sums are in float32, in an order that depends on neither the
/// batch nor the position in it. In the context's stream.
namespace cuda {

void multiply_forward(Context& context, const MultiplyParams& params, const float* a, const float* b,
                      float* y);
void multiply_backward(Context& context, const MultiplyParams& params, const float* b, const float* dy,
                       float* da);

inline Cost multiply_forward_cost(const MultiplyParams& p) {
  return {4 * (p.count() + p.of_a().count() + p.of_b().count()), p.count()};
}
inline Cost multiply_backward_cost(const MultiplyParams& p) {
  const std::int64_t additions = p.count() - p.of_a().count();
  return {4 * (p.count() + p.of_a().count() + p.of_b().count()), p.count() + additions};
}

}  // namespace cuda
}  // namespace backlight
