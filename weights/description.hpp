// A network as keys and shapes tell it apart from others of its architecture: what the builders of models/
// take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace backlight {

/// One layer of a head, which makes scores of the pooled features.
struct HeadLayer {
  enum class Kind : std::uint8_t { linear, batch_norm, relu, dropout };

  Kind kind = Kind::linear;
  std::string name;              ///< PyTorch's module path, e.g. `fc.3`
  std::int64_t in = 0, out = 0;  ///< features before and after; equal for all kinds but linear
  bool bias = true;              ///< of a linear layer

  friend bool operator==(const HeadLayer&, const HeadLayer&) = default;
};

/// The published network of a name is one such description; a file may differ from it in every member.
struct NetworkDescription {
  std::string architecture = {};  ///< a name of the registry, e.g. `resnet50`
  std::int64_t channels = 3;      ///< of the input
  bool small_stem = false;        ///< a ResNet's 3×3 convolution of stride 1 without pooling, as for CIFAR
  std::string projection = {};    ///< module of the convolutions in a ResNet's shortcuts; empty: without any
  std::int64_t pooled = 1;        ///< side of the map that the head reads, flattened
  bool timm = false;              ///< the file has timm's names: pictures are prepared as timm prepares them
  std::vector<HeadLayer> head = {};  ///< ends in the layer whose rows are the classes

  friend bool operator==(const NetworkDescription&, const NetworkDescription&) = default;
};

}  // namespace backlight
