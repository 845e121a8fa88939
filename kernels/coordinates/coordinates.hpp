// Where an element lies, as two further channels of its map.
//
//   y[n,c,i,j] = x[n,c,i,j]  for c < C,   y[n,C,i,j] = −1 + 2j/(W − 1),   y[n,C+1,i,j] = −1 + 2i/(H − 1)
//   backward   dx = the first C channels of dy
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// Of x.
struct CoordinatesParams {
  std::int64_t batch = 0, channels = 0, height = 0, width = 0;
};

/// −1 at the first of `count` places, 1 at the last; −1 where there is but one.
template <class T>
constexpr T coordinate(std::int64_t place, std::int64_t count) {
  return count > 1 ? T{2} * static_cast<T>(place) / static_cast<T>(count - 1) - T{1} : T{-1};
}

namespace cpu {

/// Writes the two last channels of every item of y; the others are copies.
template <class T>
void coordinates(Context& context, const CoordinatesParams& params, T* y);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void coordinates(Context& context, const CoordinatesParams& params, float* y);

constexpr Cost coordinates_cost(const CoordinatesParams& p) {
  return {8 * p.batch * p.height * p.width, 6 * p.batch * p.height * p.width};
}

}  // namespace cuda
}  // namespace backlight
