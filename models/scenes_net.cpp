#include "models/scenes_net.hpp"

#include <string>

#include "kernels/layers.hpp"
#include "models/convolutions.hpp"

namespace backlight {
namespace {

void add_block(Network& net, const std::string& path, std::int64_t in, std::int64_t out,
               std::int64_t stride) {
  const NodeId x = net.output();
  net.add(path + ".conv1", conv3x3(in, out, stride));
  net.add(path + ".bn1", batch_norm2d(out));
  net.add(path + ".relu", relu());
  net.add(path + ".conv2", conv3x3(out, out, 1));
  const NodeId residual = net.add(path + ".bn2", batch_norm2d(out));
  NodeId shortcut = x;
  if (in != out) {
    net.add(path + ".downsample.0", conv2d(in, out, {.kernel = 1, .stride = stride, .bias = false}), {x});
    shortcut = net.add(path + ".downsample.1", batch_norm2d(out));
  }
  net.add(path + ".add", add(), {residual, shortcut});
  net.add(path + ".relu_1", relu());
}

}  // namespace

Network scenes_features(std::int64_t width) {
  Network net;
  net.add("conv1", conv3x3(3, width, 2));
  net.add("bn1", batch_norm2d(width));
  net.add("relu", relu());
  add_block(net, "layer1.0", width, 2 * width, 2);
  add_block(net, "layer1.1", 2 * width, 2 * width, 1);
  add_block(net, "layer2.0", 2 * width, 4 * width, 2);
  add_block(net, "layer2.1", 4 * width, 4 * width, 1);
  add_block(net, "layer2.2", 4 * width, 4 * width, 1);
  return net;
}

Network scenes_net(std::int64_t num_classes, std::int64_t width) {
  Network net = scenes_features(width);
  net.add("avgpool", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  net.add("fc", linear(4 * width, num_classes));
  return net;
}

Preprocessing scenes_preprocessing() {
  Preprocessing how;
  how.input_size = how.resize_size = 96;
  how.mean = {0.5f, 0.5f, 0.5f, 0};
  how.std = {0.25f, 0.25f, 0.25f, 1};
  return how;
}

}  // namespace backlight
