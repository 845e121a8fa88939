#pragma once

#include "kernels/naive.hpp"
#include "kernels/pool/pool_layer.hpp"

namespace backlight {

// Pooling as its definition reads: every tap of every window.
LayerResult naive_max_pool2d(const Pool2dOptions& options, const LayerInputs& in);
LayerResult naive_avg_pool2d(const Pool2dOptions& options, const LayerInputs& in);
LayerResult naive_adaptive_avg_pool2d(Extent2d output, const LayerInputs& in);

}  // namespace backlight
