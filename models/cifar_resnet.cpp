#include "models/cifar_resnet.hpp"

#include "kernels/layers.hpp"
#include "models/convolutions.hpp"
#include "models/head.hpp"

namespace backlight {
namespace {

/// What is added to the residual: x where the shapes agree, otherwise by option A or, with a projection, by
/// B.
NodeId add_shortcut(Network& net, const std::string& path, NodeId x, std::int64_t in, std::int64_t out,
                    int stride, const std::string& projection) {
  if (in == out) return x;
  if (projection.empty()) return net.add(path + ".shortcut", strided_identity_pad(out, stride), {x});
  const std::string module = path + "." + projection;
  net.add(module + ".0", conv2d(in, out, {.kernel = 1, .stride = stride, .bias = false}), {x});
  return net.add(module + ".1", batch_norm2d(out));
}

void add_block(Network& net, const std::string& path, std::int64_t in, std::int64_t out, int stride,
               const std::string& projection) {
  const NodeId x = net.output();
  net.add(path + ".conv1", conv3x3(in, out, stride));
  net.add(path + ".bn1", batch_norm2d(out));
  net.add(path + ".relu", relu());
  net.add(path + ".conv2", conv3x3(out, out));
  const NodeId residual = net.add(path + ".bn2", batch_norm2d(out));
  const NodeId shortcut = add_shortcut(net, path, x, in, out, stride, projection);
  net.add(path + ".add", add(), {residual, shortcut});
  net.add(path + ".relu_1", relu());
}

}  // namespace

Network cifar_resnet(int depth, const NetworkDescription& description) {
  if (depth != 20 && depth != 32 && depth != 44 && depth != 56 && depth != 110)
    throw Error(ErrorKind::usage, "there is no CIFAR ResNet-", depth, ", expected 20, 32, 44, 56 or 110");
  Network net(description.channels);
  net.add("conv1", conv3x3(description.channels, 16));
  net.add("bn1", batch_norm2d(16));
  net.add("relu", relu());
  const int blocks = (depth - 2) / 6;
  std::int64_t channels = 16;
  for (int stage = 0; stage < 3; ++stage) {
    const std::int64_t width = std::int64_t{16} << stage;
    for (int i = 0; i < blocks; ++i) {
      const std::string path = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      add_block(net, path, channels, width, stage > 0 && i == 0 ? 2 : 1, description.projection);
      channels = width;
    }
  }
  net.add("avg_pool2d", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  add_head(net, description.head);
  return net;
}

}  // namespace backlight
