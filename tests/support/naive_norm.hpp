// Batch norm, local response norm, softmax and log-softmax with their backward passes as sums over the full
// Jacobian, in double.
#pragma once

#include "kernels/local_response_norm/local_response_norm_layer.hpp"
#include "support/layer_case.hpp"

namespace backlight::test {

LayerResult naive_batch_norm2d(double eps, bool training, const LayerInputs& in, Layer& layer);
LayerResult naive_local_response_norm(const LocalResponseNormOptions& options, const LayerInputs& in);
LayerResult naive_softmax(bool log, const LayerInputs& in);

}  // namespace backlight::test
