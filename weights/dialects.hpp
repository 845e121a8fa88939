// The names that other code bases give the tensors of networks known here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "weights/stored_tensor.hpp"

namespace backlight {

/// Whose names the keys are, where these are not the ones that the networks here have.
enum class Dialect : std::uint8_t {
  none,
  caffe_vgg,  ///< VGG with `classifier.1`, `.4` for `classifier.0`, `.3`
  timm_vgg,  ///< `pre_logits.fc1` (4096×512×7×7), `pre_logits.fc2`, `head.fc` for `classifier.0`, `.3`, `.6`
  timm_lite,     ///< EfficientNet-Lite with `conv_stem`, `blocks.0.0.conv_dw` … `conv_head`, `classifier`
  hugging_face,  ///< ResNet with `resnet.embedder.embedder.convolution` … `classifier.1`
  weiaicunzai,   ///< ResNet of pytorch-cifar100: `conv1.0`, `conv2_x.0.residual_function.0` … `fc`
};

Dialect dialect_of(std::span<const StoredTensor> tensors);

/// The tensors under the names that the networks here have, in the file's order; matrices where a dialect has
/// convolutions over their whole input. Tensors of no dialect, and names that a dialect does not have, are
/// kept.
std::vector<StoredTensor> with_torchvision_names(std::span<const StoredTensor> tensors, Dialect dialect);
inline std::vector<StoredTensor> with_torchvision_names(std::span<const StoredTensor> tensors) {
  return with_torchvision_names(tensors, dialect_of(tensors));
}

}  // namespace backlight
