// cuBLASLt sees matrices by columns, where a matrix by rows is its transpose: the product reads as yᵀ = op(b)ᵀ·op(a)ᵀ.
#include "engine/runtime/cuda/alignment.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "kernels/matmul/matmul.hpp"

namespace backlight::cuda {

void matmul(Context& context, const MatmulParams& p, const float* a, const float* b, float* y) {
  for (std::int64_t item = 0; item < p.batch; ++item) {
    const float* rows = a + item * p.m * p.k;
    const float* columns = b + item * p.k * p.n;
    float* product = y + item * p.m * p.n;
    context.stream().part<Cublas>().multiply({.m = p.n,
                                              .n = p.m,
                                              .k = p.k,
                                              .transpose_a = p.transpose_b,
                                              .transpose_b = p.transpose_a,
                                              .precision = context.precision(),
                                              .alignment = common_alignment(columns, rows, product)},
                                             columns, rows, nullptr, p.accumulate ? 1 : 0, product);
  }
}

}  // namespace backlight::cuda
