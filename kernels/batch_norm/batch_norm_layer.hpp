// Batch normalisation of N×C×H×W or N×C. Backward reads x in training mode and for parameter gradients, else
// nothing but the parameters. Saved in training mode: the batch's mean, its biased and its unbiased variance.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

inline constexpr double kBatchNormEps = 1e-5, kBatchNormMomentum = 0.1;

/// y = weight·(x − mean)/√(variance + eps) + bias per channel, with the running statistics in inference and
/// the batch's own in training. Parameters: weight, bias, and running_mean, running_var, which are not
/// trainable: update_statistics moves them towards the observed mean and unbiased variance by `momentum`.
std::unique_ptr<Layer> batch_norm2d(std::int64_t channels, double eps = kBatchNormEps,
                                    double momentum = kBatchNormMomentum);
/// The same for N×C.
std::unique_ptr<Layer> batch_norm1d(std::int64_t channels, double eps = kBatchNormEps,
                                    double momentum = kBatchNormMomentum);

}  // namespace backlight
