// Pooling layers, with PyTorch's shapes and meaning. Saved for backward: max pooling the position of each
// maximum, average pooling nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>

#include "engine/graph/extent.hpp"
#include "engine/graph/layer.hpp"

namespace backlight {

struct Pool2dOptions {
  Extent2d kernel;
  Extent2d stride = 0;   ///< 0: the kernel
  Extent2d padding = 0;  ///< on each side, at most half the kernel
  Extent2d dilation = 1;
  /// Rounds the output's size up; the last window still starts inside the input or its leading padding.
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< average pooling divides by the padded window
};

/// y = maximum of each window; padding counts as −∞.
std::unique_ptr<Layer> max_pool2d(const Pool2dOptions& options);
/// y = mean of each window; padding counts as 0. Throws Error(usage) for a dilation.
std::unique_ptr<Layer> avg_pool2d(const Pool2dOptions& options);
/// y = mean over output.h×output.w nearly equal windows that cover the input.
std::unique_ptr<Layer> adaptive_avg_pool2d(Extent2d output);

}  // namespace backlight
