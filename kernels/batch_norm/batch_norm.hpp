// Batch normalisation per channel (Ioffe & Szegedy 2015, arXiv:1502.03167).
//
//   s = 1/√(variance + eps),  x̂ = (x − mean)·s
//   forward     y = weight·x̂ + bias
//   inference   dx = weight·s·dy                         mean and variance are constants
//   training    dx = weight·s·(dy − D/m − x̂·E/m)         they are those of the batch, m = N·H·W values a
//   channel parameters  dweight += E = Σ dy·x̂,  dbias += D = Σ dy
#pragma once

#include <cstdint>

namespace backlight {

class Context;

/// x is n×channels×plane, plane = H·W.
struct BatchNormParams {
  std::int64_t n = 0;
  std::int64_t channels = 0;
  std::int64_t plane = 0;
  double eps = 1e-5;
  bool training = false;  ///< backward: mean and variance depend on x
};

namespace cpu {

/// Mean, biased variance (divided by m) and unbiased variance (by m − 1; m ≥ 2) of each channel over the
/// batch, summed in double.
template <class T>
void batch_norm_statistics(Context& context, const BatchNormParams& params, const T* x, T* mean, T* variance,
                           T* unbiased);

/// Moves running statistics towards what a batch showed: r = (1 − momentum)·r + momentum·observed, per
/// channel.
template <class T>
void batch_norm_update_running(Context& context, std::int64_t channels, double momentum, const T* mean,
                               const T* unbiased, T* running_mean, T* running_variance);

/// y may be x.
template <class T>
void batch_norm_forward(Context& context, const BatchNormParams& params, const T* x, const T* weight,
                        const T* bias, const T* mean, const T* variance, T* y);

/// Overwrites dx, adds to dweight and dbias; each of the three may be null. x is read only in training mode
/// or for dweight, and may be null otherwise.
template <class T>
void batch_norm_backward(Context& context, const BatchNormParams& params, const T* x, const T* weight,
                         const T* mean, const T* variance, const T* dy, T* dx, T* dweight, T* dbias);

}  // namespace cpu
}  // namespace backlight
