// VGG: "Very Deep Convolutional Networks for Large-Scale Image Recognition" (Simonyan, Zisserman 2015).
#pragma once

#include "engine/graph/network.hpp"
#include "weights/description.hpp"

namespace backlight {

/// Configurations A (11), B (13), D (16) or E (19) with torchvision's keys `features.0` … `classifier.6`;
/// with `batch_norm` one stands after every convolution. Input N×C×224×224, any size from 32.
Network vgg(int depth, bool batch_norm, const NetworkDescription& description);

/// The same up to the last ReLU before the last pooling, 512 channels at a 16th of the input's resolution.
Network vgg_features(int depth, bool batch_norm, const NetworkDescription& description);

}  // namespace backlight
