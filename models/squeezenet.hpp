// SqueezeNet (Iandola et al. 2016): https://arxiv.org/abs/1602.07360
#pragma once

#include "engine/graph/network.hpp"
#include "weights/description.hpp"

namespace backlight {

/// SqueezeNet 1.0 or (`smaller`) 1.1 with torchvision's keys `features.0` … `classifier.1`. Its head is one
/// 1×1 convolution whose ReLU'd maps, one per class, are averaged into the scores. Input N×C×224×224, any
/// size from 21 (1.0) or 17 (1.1).
Network squeezenet(bool smaller, const NetworkDescription& description);

}  // namespace backlight
