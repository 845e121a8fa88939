// Matrices turned over, one for each item of a batch: what a map's positions are in rows, and rows as a map.
//
//   forward    y[n,j,i] = x[n,i,j]
//   backward   dx[n,i,j] = dy[n,j,i]: the same with rows and columns exchanged
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is batch×rows×columns.
struct TransposeParams {
  std::int64_t batch = 1, rows = 0, columns = 0;
};

namespace cpu {

template <class T>
void transpose(Context& context, const TransposeParams& params, const T* x, T* y);

}  // namespace cpu

/// As cpu:: does, in the context's stream.
namespace cuda {

void transpose(Context& context, const TransposeParams& params, const float* x, float* y);

constexpr Cost transpose_cost(const TransposeParams& p) { return {8 * p.batch * p.rows * p.columns, 0}; }

}  // namespace cuda
}  // namespace backlight
