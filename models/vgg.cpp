#include "models/vgg.hpp"

#include <array>

#include "kernels/layers.hpp"
#include "models/head.hpp"

namespace backlight {
namespace {

/// Convolutions before each of the five poolings (table 1 of the paper).
std::array<int, 5> stages(int depth) {
  switch (depth) {
    case 11:
      return {1, 1, 2, 2, 2};
    case 13:
      return {2, 2, 2, 2, 2};
    case 16:
      return {2, 2, 3, 3, 3};
    case 19:
      return {2, 2, 4, 4, 4};
  }
  throw Error(ErrorKind::usage, "there is no VGG-", depth, ", expected 11, 13, 16 or 19");
}

}  // namespace

Network vgg_features(int depth, bool batch_norm, const NetworkDescription& description) {
  constexpr std::array<std::int64_t, 5> kWidths = {64, 128, 256, 512, 512};
  const std::array<int, 5> convolutions = stages(depth);
  Network net(description.channels);
  int index = 0;
  const auto add_feature = [&](std::unique_ptr<Layer> layer) {
    net.add("features." + std::to_string(index++), std::move(layer));
  };
  std::int64_t channels = description.channels;
  for (std::size_t stage = 0; stage < kWidths.size(); ++stage) {
    if (stage > 0) add_feature(max_pool2d({.kernel = 2, .stride = 2}));
    for (int i = 0; i < convolutions[stage]; ++i) {
      add_feature(conv2d(channels, kWidths[stage], {.kernel = 3, .padding = 1}));
      channels = kWidths[stage];
      if (batch_norm) add_feature(batch_norm2d(channels));
      add_feature(relu());
    }
  }
  return net;
}

Network vgg(int depth, bool batch_norm, const NetworkDescription& description) {
  Network net = vgg_features(depth, batch_norm, description);
  net.add("features." + std::to_string(net.size() - 1), max_pool2d({.kernel = 2, .stride = 2}));
  net.add("avgpool", adaptive_avg_pool2d(static_cast<int>(description.pooled)));
  net.add("flatten", flatten());
  add_head(net, description.head);
  return net;
}

}  // namespace backlight
