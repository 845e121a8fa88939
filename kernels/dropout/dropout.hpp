// Dropout of a training pass (Srivastava et al. 2014), scaled so that the expectation stays.
//
//   m_i = [u_i ≥ p] / (1 − p),  u_i = random_uniform(seed, i)     (1/0 counts as 0)
//   forward   y = m·x
//   backward  dx = m·dy, the same m drawn again: nothing is saved
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

struct DropoutParams {
  std::int64_t count = 0;
  double p = 0.5;
  std::uint64_t seed = 0;
};

namespace cpu {

/// y = m·x; y may be x. Backward is the same function of dy.
template <class T>
void dropout(Context& context, const DropoutParams& params, const T* x, T* y);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void dropout(Context& context, const DropoutParams& params, const float* x, float* y);

/// u is the price: an addition, two multiplications, three shifts and three exclusive ors of 64 bits; then a
/// shift, a comparison and a multiplication.
constexpr Cost dropout_cost(const DropoutParams& params) { return {8 * params.count, 12 * params.count}; }

}  // namespace cuda
}  // namespace backlight
