// Batch normalisation per channel (Ioffe & Szegedy 2015, arXiv:1502.03167).
//
//   s = 1/√(variance + eps),  x̂ = (x − mean)·s
//   forward     y = weight·x̂ + bias
//   parameters  dweight += E,  E = Σ dy·x̂
//               dbias   += D,  D = Σ dy
//   inference   dx = weight·s·dy                    mean and variance are constants
//   training    dx = weight·s·(dy − D/m − x̂·E/m)    they are the batch's, over m = N·H·W values a channel:
//                              the direct term, the term through the mean, the term through the variance
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/epilogue.hpp"

namespace backlight {

class Context;

/// x is batch×channels×plane, plane = H·W.
struct BatchNormParams {
  std::int64_t batch = 0;
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
/// As above, and then the epilogue, whose residual lies apart from y: the bits of the three operations one by
/// one, in one pass.
template <class T>
void batch_norm_fused_forward(Context& context, const BatchNormParams& params, const T* x, const T* weight,
                              const T* bias, const T* mean, const T* variance, const Epilogue<T>& epilogue,
                              T* y);

/// Overwrites dx, adds to dweight and dbias; each of the three may be null. x is read only in training mode
/// or for dweight, and may be null otherwise.
template <class T>
void batch_norm_backward(Context& context, const BatchNormParams& params, const T* x, const T* weight,
                         const T* mean, const T* variance, const T* dy, T* dx, T* dweight, T* dbias);

}  // namespace cpu

/// As cpu:: does, in the context's stream, with sums in float32. Throws Error(unsupported) for 2^31 planes or
/// more.
namespace cuda {

void batch_norm_statistics(Context& context, const BatchNormParams& params, const float* x, float* mean,
                           float* variance, float* unbiased);
void batch_norm_update_running(Context& context, std::int64_t channels, double momentum, const float* mean,
                               const float* unbiased, float* running_mean, float* running_variance);
void batch_norm_forward(Context& context, const BatchNormParams& params, const float* x, const float* weight,
                        const float* bias, const float* mean, const float* variance, float* y);
void batch_norm_fused_forward(Context& context, const BatchNormParams& params, const float* x,
                              const float* weight, const float* bias, const float* mean,
                              const float* variance, const Epilogue<float>& epilogue, float* y);
void batch_norm_backward(Context& context, const BatchNormParams& params, const float* x, const float* weight,
                         const float* mean, const float* variance, const float* dy, float* dx, float* dweight,
                         float* dbias);

// What there is once per channel is left out.
constexpr Cost batch_norm_statistics_cost(const BatchNormParams& p) {
  const std::int64_t count = p.batch * p.channels * p.plane;
  return {4 * count, 4 * count};
}
constexpr Cost batch_norm_forward_cost(const BatchNormParams& p) {
  const std::int64_t count = p.batch * p.channels * p.plane;
  return {8 * count, 2 * count};
}
constexpr Cost batch_norm_fused_forward_cost(const BatchNormParams& p, const Epilogue<float>& epilogue) {
  const std::int64_t count = p.batch * p.channels * p.plane;
  const bool residual = epilogue.residual != nullptr;
  return {(residual ? 12 : 8) * count, (2 + (residual ? 1 : 0) + (epilogue.relu ? 2 : 0)) * count};
}
/// The sums over dy and x come first: for the parameters' gradients, and for dx in training.
constexpr Cost batch_norm_backward_cost(const BatchNormParams& p, bool dx, bool parameters) {
  const std::int64_t count = p.batch * p.channels * p.plane;
  const bool training_dx = dx && p.training, sums = parameters || training_dx;
  return {((sums ? 8 : 0) + (training_dx ? 12
                             : dx        ? 8
                                         : 0)) *
              count,
          ((sums ? 4 : 0) + (training_dx ? 5
                             : dx        ? 1
                                         : 0)) *
              count};
}

}  // namespace cuda
}  // namespace backlight
