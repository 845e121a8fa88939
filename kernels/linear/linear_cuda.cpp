// cuBLASLt sees matrices by columns, so what is batch×features here is features×batch there, and the products
// read as yᵀ = W·xᵀ, dxᵀ = Wᵀ·dyᵀ and dWᵀ = xᵀ·dy.
#include "engine/runtime/cuda/alignment.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "kernels/linear/linear.hpp"

namespace backlight::cuda {

void linear_forward(Context& context, const LinearParams& p, const float* x, const float* w,
                    const float* bias, float* y) {
  if (p.batch == 0) return;
  context.stream().part<Cublas>().multiply({.m = p.out,
                                            .n = p.batch,
                                            .k = p.in,
                                            .transpose_a = true,
                                            .bias = bias != nullptr,
                                            .precision = context.precision(),
                                            .alignment = common_alignment(x, w, bias, y)},
                                           w, x, bias, 0, y);
}

void linear_backward_data(Context& context, const LinearParams& p, const float* dy, const float* w,
                          float* dx) {
  if (p.batch == 0) return;
  context.stream().part<Cublas>().multiply({.m = p.in,
                                            .n = p.batch,
                                            .k = p.out,
                                            .precision = context.precision(),
                                            .alignment = common_alignment(dy, w, dx)},
                                           w, dy, nullptr, 0, dx);
}

void linear_backward_filter(Context& context, const LinearParams& p, const float* x, const float* dy,
                            float* dw) {
  if (p.batch == 0) return;
  context.stream().part<Cublas>().multiply({.m = p.in,
                                            .n = p.out,
                                            .k = p.batch,
                                            .transpose_b = true,
                                            .precision = context.precision(),
                                            .alignment = common_alignment(x, dy, dw)},
                                           x, dy, nullptr, 1, dw);
}

}  // namespace backlight::cuda
