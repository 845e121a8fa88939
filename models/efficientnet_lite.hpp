// EfficientNet-Lite: EfficientNet (Tan, Le 2019) without squeeze-and-excitation and with ReLU6.
// https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
#pragma once

#include "engine/graph/network.hpp"
#include "weights/description.hpp"

namespace backlight {

/// EfficientNet-Lite0, 1 or 2 with the keys of the package efficientnet-lite-pytorch: `_conv_stem` …
/// `_blocks.N._expand_conv` … `_fc`. Padding is TensorFlow's SAME, from the input's size: at the native size
/// (224, 240, 260) it is the package's. Input N×C×H×W of any size.
Network efficientnet_lite(int version, const NetworkDescription& description);

/// The same under the same keys as timm trains it itself (`efficientnet_lite0`, not `tf_…`): zeros on both sides
/// of the input, and PyTorch's epsilon and momentum in batch norms.
Network timm_efficientnet_lite(int version, const NetworkDescription& description);

}  // namespace backlight
