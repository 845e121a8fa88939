// ResNet: "Deep Residual Learning for Image Recognition" (He et al. 2016), and its wide and grouped
// relatives.
#pragma once

#include <cstdint>

#include "engine/graph/network.hpp"
#include "weights/description.hpp"
#include "weights/resnet_designs.hpp"

namespace backlight {

/// A design of basic blocks or of bottlenecks whose 3×3 convolution has the stride, as in torchvision, with
/// torchvision's keys `conv1` … `fc`. With a small stem the first convolution is 3×3 of stride 1, and no
/// pooling follows. Input N×C×224×224 (32×32 with a small stem), any size.
Network resnet(const ResNetDesign& design, const NetworkDescription& description);

/// Where a ResNet halves its resolution.
enum class ResNetStrides : std::uint8_t {
  torchvision,  ///< a bottleneck in its 3×3 convolution, the pooling with padding
  caffe,  ///< in its first 1×1 convolution, the pooling without padding, its size rounded up: as first published
};

/// The same up to its last map, a 32nd of the input's resolution, whatever the description's head.
Network resnet_features(const ResNetDesign& design, const NetworkDescription& description,
                        ResNetStrides strides = ResNetStrides::torchvision);

}  // namespace backlight
