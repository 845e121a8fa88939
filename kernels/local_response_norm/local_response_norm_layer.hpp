// Local response normalisation across channels. Backward reads x. Saved: the scale s, in x's shape.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/graph/layer.hpp"

namespace backlight {

/// PyTorch's parameters: alpha is divided by `size`, the number of channels in a window.
struct LocalResponseNormOptions {
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
};

/// y = x / (k + alpha/size · Σ x² over neighbouring channels)^beta.
std::unique_ptr<Layer> local_response_norm(const LocalResponseNormOptions& options);

}  // namespace backlight
