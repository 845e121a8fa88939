// ResNet: "Deep Residual Learning for Image Recognition" (He et al. 2016), and its wide and grouped
// relatives.
#pragma once

#include "engine/graph/network.hpp"
#include "weights/description.hpp"
#include "weights/resnet_designs.hpp"

namespace backlight {

/// A design of basic blocks or of bottlenecks whose 3×3 convolution has the stride, as in torchvision, with
/// torchvision's keys `conv1` … `fc`. With a small stem the first convolution is 3×3 of stride 1, and no
/// pooling follows. Input N×C×224×224 (32×32 with a small stem), any size.
Network resnet(const ResNetDesign& design, const NetworkDescription& description);

/// The same up to its last map, a 32nd of the input's resolution, whatever the description's head.
Network resnet_features(const ResNetDesign& design, const NetworkDescription& description);

}  // namespace backlight
