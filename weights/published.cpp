#include "weights/published.hpp"

#include <algorithm>
#include <array>

namespace backlight {
namespace {

constexpr std::array<PublishedWeights, 31> kPublished = {{
    {"alexnet-owt-7be5be79.pth", "7be5be79", "alexnet"},
    {"vgg11-8a719046.pth", "8a719046", "vgg11"},
    {"vgg11_bn-6002323d.pth", "6002323d", "vgg11_bn"},
    {"vgg13-19584684.pth", "19584684", "vgg13"},
    {"vgg13_bn-abd245e5.pth", "abd245e5", "vgg13_bn"},
    {"vgg16-397923af.pth", "397923af", "vgg16"},
    {"vgg16_bn-6c64b313.pth", "6c64b313", "vgg16_bn"},
    {"vgg19-dcbb9e9d.pth", "dcbb9e9d", "vgg19"},
    {"vgg19_bn-c79401a0.pth", "c79401a0", "vgg19_bn"},
    {"resnet18-f37072fd.pth", "f37072fd", "resnet18"},
    {"resnet34-b627a593.pth", "b627a593", "resnet34"},
    {"resnet50-0676ba61.pth", "0676ba61", "resnet50"},
    {"resnet50-11ad3fa6.pth", "11ad3fa6", "resnet50", 232},
    {"resnet101-63fe2227.pth", "63fe2227", "resnet101"},
    {"resnet101-cd907fc2.pth", "cd907fc2", "resnet101", 232},
    {"resnet152-394f9c45.pth", "394f9c45", "resnet152"},
    {"resnet152-f82ba261.pth", "f82ba261", "resnet152", 232},
    {"resnext50_32x4d-7cdf4587.pth", "7cdf4587", "resnext50_32x4d"},
    {"resnext50_32x4d-1a0047aa.pth", "1a0047aa", "resnext50_32x4d", 232},
    {"resnext101_32x8d-8ba56ff5.pth", "8ba56ff5", "resnext101_32x8d"},
    {"resnext101_32x8d-110c445d.pth", "110c445d", "resnext101_32x8d", 232},
    {"resnext101_64x4d-173b62eb.pth", "173b62eb", "resnext101_64x4d", 232},
    {"wide_resnet50_2-95faca4d.pth", "95faca4d", "wide_resnet50_2"},
    {"wide_resnet50_2-9ba9bcbe.pth", "9ba9bcbe", "wide_resnet50_2", 232},
    {"wide_resnet101_2-32ee1156.pth", "32ee1156", "wide_resnet101_2"},
    {"wide_resnet101_2-d733dc28.pth", "d733dc28", "wide_resnet101_2", 232},
    {"squeezenet1_0-b66bff10.pth", "b66bff10", "squeezenet1_0"},
    {"squeezenet1_1-b8a52dc0.pth", "b8a52dc0", "squeezenet1_1"},
    {"efficientnet-lite0-57934424.pth", "57934424", "efficientnet_lite0"},
    {"resnet20-12fca82f.th", "12fca82f", "resnet20_cifar", 32},
    {"resnet32-d509ac18.th", "d509ac18", "resnet32_cifar", 32},
}};

}  // namespace

const PublishedWeights* find_published(std::string_view sha256) {
  const auto found = std::find_if(kPublished.begin(), kPublished.end(), [&](const PublishedWeights& each) {
    return sha256.starts_with(each.sha256);
  });
  return found == kPublished.end() ? nullptr : &*found;
}

const PublishedWeights* find_published(std::string_view sha256, std::string_view architecture) {
  const PublishedWeights* published = find_published(sha256);
  return published && published->architecture == architecture ? published : nullptr;
}

}  // namespace backlight
