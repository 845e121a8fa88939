// Dropout of a training pass (Srivastava et al. 2014), scaled so that the expectation stays.
//
//   m_i = [u_i ≥ p] / (1 − p),  u_i = random_uniform(seed, i)     (1/0 counts as 0)
//   forward   y = m·x
//   backward  dx = m·dy, the same m drawn again: nothing is saved
#pragma once

#include <cstdint>

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
}  // namespace backlight
