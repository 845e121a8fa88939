// Copies rows from one pitch to another: what concat, flatten and the dropout of inference amount to.
//
//   y[r·y_stride + i] = x[r·x_stride + i],  0 ≤ r < rows, 0 ≤ i < count
//
// The backward of a copy is the copy back: dx takes dy with the strides exchanged.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// Counted in elements.
struct CopyParams {
  std::int64_t rows = 1;
  std::int64_t count = 0;
  std::int64_t x_stride = 0, y_stride = 0;
};

namespace cpu {

template <class T>
void copy_rows(Context& context, const CopyParams& params, const T* x, T* y);

}  // namespace cpu

/// As cpu:: does, in the context's stream.
namespace cuda {

void copy_rows(Context& context, const CopyParams& params, const float* x, float* y);

constexpr Cost copy_rows_cost(const CopyParams& params) { return {8 * params.rows * params.count, 0}; }

}  // namespace cuda
}  // namespace backlight
