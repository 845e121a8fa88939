#include "models/resnet.hpp"

#include <array>

#include "engine/layers/add.hpp"
#include "engine/layers/batch_norm.hpp"
#include "engine/layers/conv2d.hpp"
#include "engine/layers/flatten.hpp"
#include "engine/layers/linear.hpp"
#include "engine/layers/pool.hpp"
#include "engine/layers/relu.hpp"

namespace backlight {
namespace {

struct Design {
  std::array<int, 4> blocks;
  bool bottleneck;
};

Design design(int depth) {
  switch (depth) {
    case 18:
      return {{2, 2, 2, 2}, false};
    case 34:
      return {{3, 4, 6, 3}, false};
    case 50:
      return {{3, 4, 6, 3}, true};
    case 101:
      return {{3, 4, 23, 3}, true};
    case 152:
      return {{3, 8, 36, 3}, true};
  }
  throw Error(ErrorKind::usage, "there is no ResNet-", depth, ", expected 18, 34, 50, 101 or 152");
}

std::unique_ptr<Layer> conv1x1(std::int64_t in, std::int64_t out, int stride = 1) {
  return conv2d(in, out, {.kernel = 1, .stride = stride, .bias = false});
}

std::unique_ptr<Layer> conv3x3(std::int64_t in, std::int64_t out, int stride = 1) {
  return conv2d(in, out, {.kernel = 3, .stride = stride, .padding = 1, .bias = false});
}

/// One residual block below `path`; its last node is the ReLU after the sum.
void add_block(Network& net, const std::string& path, std::int64_t in, std::int64_t width, std::int64_t out,
               int stride, bool bottleneck) {
  const NodeId x = net.output();
  if (bottleneck) {
    net.add(path + ".conv1", conv1x1(in, width));
    net.add(path + ".bn1", batch_norm2d(width));
    net.add(path + ".relu", relu());
    net.add(path + ".conv2", conv3x3(width, width, stride));
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
    net.add(path + ".downsample.0", conv1x1(in, out, stride), {x});
    shortcut = net.add(path + ".downsample.1", batch_norm2d(out));
  }
  net.add(path + ".add", add(), {residual, shortcut});
  net.add(path + (bottleneck ? ".relu_2" : ".relu_1"), relu());
}

}  // namespace

Network resnet(int depth, std::int64_t num_classes) {
  const auto [blocks, bottleneck] = design(depth);
  Network net;
  net.add("conv1", conv2d(3, 64, {.kernel = 7, .stride = 2, .padding = 3, .bias = false}));
  net.add("bn1", batch_norm2d(64));
  net.add("relu", relu());
  net.add("maxpool", max_pool2d({.kernel = 3, .stride = 2, .padding = 1}));
  std::int64_t channels = 64;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t width = std::int64_t{64} << stage;
    const std::int64_t out = bottleneck ? 4 * width : width;
    for (int i = 0; i < blocks[static_cast<std::size_t>(stage)]; ++i) {
      const std::string path = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      add_block(net, path, channels, width, out, stage > 0 && i == 0 ? 2 : 1, bottleneck);
      channels = out;
    }
  }
  net.add("avgpool", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  net.add("fc", linear(channels, num_classes));
  return net;
}

}  // namespace backlight
