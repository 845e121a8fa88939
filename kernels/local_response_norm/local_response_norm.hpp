// Local response normalisation across channels (Krizhevsky et al. 2012, §3.3), PyTorch's definition.
//
//   s_c = k + alpha/size · Σ_j x_j²,  j from c − ⌊size/2⌋ to c + ⌊(size−1)/2⌋ inside the channels
//   forward   y_c = x_c · s_c^−beta
//   backward  dx_c = dy_c·s_c^−beta − 2·alpha·beta/size · x_c · Σ_j dy_j·x_j·s_j^(−beta−1),
//             j from c − ⌊(size−1)/2⌋ to c + ⌊size/2⌋: the positions whose window holds c
#pragma once

#include <cstdint>

namespace backlight {

class Context;

/// x is n×channels×plane, plane = H·W.
struct LocalResponseNormParams {
  std::int64_t n = 0;
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
}  // namespace backlight
