#include "models/resnet.hpp"

#include "kernels/layers.hpp"
#include "models/convolutions.hpp"
#include "models/head.hpp"

namespace backlight {
namespace {

struct Block {
  std::int64_t in, width, out;
  int stride;
  std::int64_t groups;
  bool bottleneck, stride_first;
};

void add_stem(Network& net, const NetworkDescription& description, bool caffe) {
  const std::int64_t channels = description.channels;
  net.add("conv1", description.small_stem
                       ? conv3x3(channels, 64)
                       : conv2d(channels, 64, {.kernel = 7, .stride = 2, .padding = 3, .bias = false}));
  net.add("bn1", batch_norm2d(64));
  net.add("relu", relu());
  if (!description.small_stem)
    net.add("maxpool", max_pool2d({.kernel = 3, .stride = 2, .padding = caffe ? 0 : 1, .ceil_mode = caffe}));
}

/// One residual block below `path`; its last node is the ReLU after the sum.
void add_block(Network& net, const std::string& path, const Block& block, const std::string& projection) {
  const auto& [in, width, out, stride, groups, bottleneck, stride_first] = block;
  const NodeId x = net.output();
  if (bottleneck) {
    net.add(path + ".conv1", conv1x1(in, width, stride_first ? stride : 1));
    net.add(path + ".bn1", batch_norm2d(width));
    net.add(path + ".relu", relu());
    net.add(path + ".conv2", conv3x3(width, width, stride_first ? 1 : stride, groups));
    net.add(path + ".bn2", batch_norm2d(width));
    net.add(path + ".relu_1", relu());
    net.add(path + ".conv3", conv1x1(width, out));
    net.add(path + ".bn3", batch_norm2d(out));
  } else {
    net.add(path + ".conv1", conv3x3(in, width, stride));
    net.add(path + ".bn1", batch_norm2d(width));
    net.add(path + ".relu", relu());
    net.add(path + ".conv2", conv3x3(width, out));
    net.add(path + ".bn2", batch_norm2d(out));
  }
  const NodeId residual = net.output();
  NodeId shortcut = x;
  if (stride != 1 || in != out) {
    net.add(path + "." + projection + ".0", conv1x1(in, out, stride), {x});
    shortcut = net.add(path + "." + projection + ".1", batch_norm2d(out));
  }
  net.add(path + ".add", add(), {residual, shortcut});
  net.add(path + (bottleneck ? ".relu_2" : ".relu_1"), relu());
}

}  // namespace

Network resnet_features(const ResNetDesign& design, const NetworkDescription& description,
                        ResNetStrides strides) {
  const bool caffe = strides == ResNetStrides::caffe;
  Network net(description.channels);
  add_stem(net, description, caffe);
  std::int64_t channels = 64;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t out = std::int64_t{design.bottleneck ? 256 : 64} << stage;
    for (int i = 0; i < design.blocks[static_cast<std::size_t>(stage)]; ++i) {
      const std::string path = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      const int stride = stage > 0 && i == 0 ? 2 : 1;
      add_block(net, path,
                {channels, design.width << stage, out, stride, design.groups, design.bottleneck, caffe},
                description.projection);
      channels = out;
    }
  }
  return net;
}

Network resnet(const ResNetDesign& design, const NetworkDescription& description) {
  Network net = resnet_features(design, description);
  net.add("avgpool", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  add_head(net, description.head);
  return net;
}

}  // namespace backlight
