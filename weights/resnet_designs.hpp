// The published residual networks for ImageNet, by what tells them apart.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace backlight {

struct ResNetDesign {
  std::string_view name;      ///< in the registry, as torchvision has it
  std::array<int, 4> blocks;  ///< residual blocks of each stage
  bool bottleneck;            ///< blocks of 1×1, 3×3, 1×1 instead of two 3×3 convolutions
  std::int64_t width = 64;  ///< channels of the first stage's 3×3 convolutions; doubled from stage to stage
  std::int64_t groups = 1;  ///< of a bottleneck's 3×3 convolution
};

/// ResNet (He et al. 2016), ResNeXt (Xie et al. 2017), Wide ResNet (Zagoruyko, Komodakis 2016).
inline constexpr std::array<ResNetDesign, 10> kResNetDesigns = {{
    {"resnet18", {2, 2, 2, 2}, false},
    {"resnet34", {3, 4, 6, 3}, false},
    {"resnet50", {3, 4, 6, 3}, true},
    {"resnet101", {3, 4, 23, 3}, true},
    {"resnet152", {3, 8, 36, 3}, true},
    {"resnext50_32x4d", {3, 4, 6, 3}, true, 128, 32},
    {"resnext101_32x8d", {3, 4, 23, 3}, true, 256, 32},
    {"resnext101_64x4d", {3, 4, 23, 3}, true, 256, 64},
    {"wide_resnet50_2", {3, 4, 6, 3}, true, 128},
    {"wide_resnet101_2", {3, 4, 23, 3}, true, 128},
}};

}  // namespace backlight
