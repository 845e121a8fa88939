// The convolutions of residual networks: without a bias, which the batch norm after them has.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/conv2d/conv2d_layer.hpp"

namespace backlight {

inline std::unique_ptr<Layer> conv1x1(std::int64_t in, std::int64_t out, std::int64_t stride = 1) {
  return conv2d(in, out, {.kernel = 1, .stride = stride, .bias = false});
}

inline std::unique_ptr<Layer> conv3x3(std::int64_t in, std::int64_t out, std::int64_t stride = 1,
                                      std::int64_t groups = 1) {
  return conv2d(in, out, {.kernel = 3, .stride = stride, .padding = 1, .groups = groups, .bias = false});
}

}  // namespace backlight
