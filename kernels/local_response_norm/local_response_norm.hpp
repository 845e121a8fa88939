// Local response normalisation across channels (Krizhevsky et al. 2012, §3.3), PyTorch's definition.
//
//   s_c = k + alpha/size · Σ_j x_j²,  j from c − ⌊size/2⌋ to c + ⌊(size−1)/2⌋ inside the channels
//   forward   y_c = x_c · s_c^−beta
//   backward  dx_c = dy_c·s_c^−beta − 2·alpha·beta/size · x_c · Σ_j dy_j·x_j·s_j^(−beta−1),
//             j from c − ⌊(size−1)/2⌋ to c + ⌊size/2⌋: the positions whose window holds c
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is batch×channels×plane, plane = H·W.
struct LocalResponseNormParams {
  std::int64_t batch = 0;
  std::int64_t channels = 0;
  std::int64_t plane = 0;
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
};

namespace cpu {

/// `scale` receives s, in x's shape; y is neither x nor scale.
template <class T>
void local_response_norm_forward(Context& context, const LocalResponseNormParams& params, const T* x, T* y,
                                 T* scale);
/// `scale` is the s of forward. Overwrites dx.
template <class T>
void local_response_norm_backward(Context& context, const LocalResponseNormParams& params, const T* x,
                                  const T* scale, const T* dy, T* dx);

}  // namespace cpu

/// As cpu:: does, in the context's stream. Backward throws Error(unsupported) where both the channels and the
/// windows' reach are too many for a block's shared memory (more than 384 and 352).
namespace cuda {

void local_response_norm_forward(Context& context, const LocalResponseNormParams& params, const float* x,
                                 float* y, float* scale);
void local_response_norm_backward(Context& context, const LocalResponseNormParams& params, const float* x,
                                  const float* scale, const float* dy, float* dx);

/// A power counts as one operation.
constexpr Cost local_response_norm_forward_cost(const LocalResponseNormParams& p) {
  const std::int64_t count = p.batch * p.channels * p.plane;
  return {12 * count, (2 * p.size + 4) * count};
}
constexpr Cost local_response_norm_backward_cost(const LocalResponseNormParams& p) {
  const std::int64_t count = p.batch * p.channels * p.plane;
  return {16 * count, (p.size + 7) * count};
}

}  // namespace cuda
}  // namespace backlight
