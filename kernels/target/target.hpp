// The target of an explanation: the class with the highest score, and the seed of the backward pass from it.
//
//   argmax   index[n] = the first k whose x[n,k] is the largest
//   one_hot  dy[n,k] = value·[k = index[n]]
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x and dy are rows×classes, index has `rows` elements.
struct TargetParams {
  std::int64_t rows = 0;
  std::int64_t classes = 0;
};

namespace cpu {

/// As std::max_element: a NaN is never the largest, unless it comes first, and then it is. There must be a
/// class.
template <class T>
void argmax(Context& context, const TargetParams& params, const T* x, std::int64_t* index);
/// Overwrites dy. An index outside of [0, classes) leaves a row of zeros.
template <class T>
void one_hot(Context& context, const TargetParams& params, const std::int64_t* index, double value, T* dy);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream; the index lies on the device, too.
namespace cuda {

/// Throws Error(unsupported) for 2^32 classes or more.
void argmax(Context& context, const TargetParams& params, const float* x, std::int64_t* index);
void one_hot(Context& context, const TargetParams& params, const std::int64_t* index, double value,
             float* dy);

constexpr Cost argmax_cost(const TargetParams& params) {
  return {4 * params.rows * params.classes + 8 * params.rows, params.rows * params.classes};
}
constexpr Cost one_hot_cost(const TargetParams& params) {
  return {4 * params.rows * params.classes + 8 * params.rows, params.rows * params.classes};
}

}  // namespace cuda
}  // namespace backlight
