// AlexNet: "ImageNet Classification with Deep Convolutional Neural Networks" (Krizhevsky et al. 2012).
#pragma once

#include "engine/graph/network.hpp"
#include "weights/description.hpp"

namespace backlight {

/// torchvision's one-tower form without normalisation (Krizhevsky 2014, "One weird trick"): keys `features.0`
/// … `classifier.6`, input N×C×224×224, any size from 63.
Network alexnet(const NetworkDescription& description);

/// The form of 2012 in Caffe's layout: two groups in conv2, conv4 and conv5, local response norm, keys
/// `conv1` … `fc8`, input N×C×227×227.
Network alexnet_original(const NetworkDescription& description);

}  // namespace backlight
