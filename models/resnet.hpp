// ResNet: "Deep Residual Learning for Image Recognition" (He et al. 2016).
#pragma once

#include <cstdint>

#include "engine/network.hpp"

namespace backlight {

/// ResNet-18 and -34 (basic blocks), -50, -101 and -152 (bottlenecks whose 3×3 convolution has the stride, as
/// in torchvision), with torchvision's keys `conv1` … `fc`. Input N×3×224×224, any size.
Network resnet(int depth, std::int64_t num_classes);

}  // namespace backlight
