// Which architecture a state dict is of, told from its keys and shapes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "weights/description.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight {

struct Recognition {
  /// Names as the registry of models has them (`resnet50`, `vgg16_bn`, `resnet20_cifar` …); empty when
  /// nothing fits, two when the file states another than its keys tell.
  std::vector<std::string> architectures;
  /// Rows of the last linear layer; 0 when there is none.
  std::int64_t num_classes = 0;
  /// Why there is no single answer, or what is unusual about it; empty when nothing is.
  std::string doubt;
  /// The keys are of a network known here, whether it is built or not.
  bool known = true;
  /// What a builder takes, where there is one architecture and it was told from the keys; its head is empty
  /// where the file has none.
  NetworkDescription description = {};
  /// What keys and shapes do not say and was taken to be so, a sentence each.
  std::vector<std::string> assumptions = {};
};

/// Judges by keys and shapes. `stated` is the architecture that the caller or the file names, or empty: it holds
/// where the keys are of no network, or of several.
Recognition recognise(std::span<const StoredTensor> tensors, const std::string& stated = {});

}  // namespace backlight
