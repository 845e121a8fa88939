// The ResNets for CIFAR-10: section 4.2 of "Deep Residual Learning for Image Recognition" (He et al. 2016).
#pragma once

#include <cstdint>

#include "engine/network.hpp"

namespace backlight {

/// ResNet-20, -32, -44, -56 or -110 with shortcuts of option A (every other pixel, new channels zero) and the
/// keys of github.com/akamaster/pytorch_resnet_cifar10: `conv1` … `layer3.2.bn2` … `linear`. Input N×3×32×32,
/// any size.
Network cifar_resnet(int depth, std::int64_t num_classes);

}  // namespace backlight
