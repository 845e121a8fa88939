// AlexNet: "ImageNet Classification with Deep Convolutional Neural Networks" (Krizhevsky et al. 2012).
#pragma once

#include <cstdint>

#include "engine/network.hpp"

namespace backlight {

/// torchvision's one-tower form without normalisation (Krizhevsky 2014, "One weird trick"): keys `features.0`
/// … `classifier.6`, input N×3×224×224, any size from 63.
Network alexnet(std::int64_t num_classes);

/// The form of 2012 in Caffe's layout: two groups in conv2, conv4 and conv5, local response norm, keys
/// `conv1` … `fc8`, input N×3×227×227.
Network alexnet_original(std::int64_t num_classes);

}  // namespace backlight
