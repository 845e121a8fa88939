// The ResNets for CIFAR-10: section 4.2 of "Deep Residual Learning for Image Recognition" (He et al. 2016).
#pragma once

#include "engine/graph/network.hpp"
#include "weights/description.hpp"

namespace backlight {

/// ResNet-20, -32, -44, -56 or -110 with the keys of github.com/akamaster/pytorch_resnet_cifar10: `conv1` …
/// `layer3.2.bn2` … `linear`. Shortcuts are of option A (every other pixel, new channels zero), or of option
/// B (1×1 convolutions) where the description has a projection. Input N×C×32×32, any size.
Network cifar_resnet(int depth, const NetworkDescription& description);

}  // namespace backlight
