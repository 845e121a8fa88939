// Matrix products, one for each item of a batch; either factor may lie transposed.
//
//   forward    y = op(a)·op(b)
//   backward   d op(a) = dy·op(b)ᵀ,  d op(b) = op(a)ᵀ·dy: products of the same kind
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// y is batch×m×n; a is batch×m×k, or k×m where it is transposed; b is batch×k×n, or n×k.
struct MatmulParams {
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;  ///< adds to y
};

namespace cpu {

/// Overwrites y, unless it accumulates. An item's bits do not depend on the batch.
template <class T>
void matmul(Context& context, const MatmulParams& params, const T* a, const T* b, T* y);

}  // namespace cpu

/// As cpu:: does, by cuBLASLt in the context's stream and precision. Throws Error(unsupported) where cuBLASLt has no
/// algorithm.
namespace cuda {

void matmul(Context& context, const MatmulParams& params, const float* a, const float* b, float* y);

constexpr Cost matmul_cost(const MatmulParams& p) {
  return {4 * p.batch * (p.m * p.k + p.k * p.n + (p.accumulate ? 2 : 1) * p.m * p.n),
          2 * p.batch * p.m * p.n * p.k};
}

}  // namespace cuda
}  // namespace backlight
