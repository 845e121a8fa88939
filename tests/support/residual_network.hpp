// A network with everything that makes a graph of one: batch norm, a strided residual block with a downsample
// branch, an activation that three layers read, ReLUs that may run in place.
#pragma once

#include "engine/graph/network.hpp"
#include "kernels/layers.hpp"
#include "support/fill_network.hpp"

namespace backlight::test {

/// Input N×3×H×W, output N×5. The value of "stem.relu" is read by two convolutions and a pooling layer.
inline Network residual_network() {
  Network network(3);
  network.add("stem.conv", conv2d(3, 4, {.kernel = 3, .padding = 1, .bias = false}));
  network.add("stem.bn", batch_norm2d(4));
  const NodeId stem = network.add("stem.relu", relu());
  network.add("layer1.0.conv1", conv2d(4, 6, {.kernel = 3, .stride = 2, .padding = 1}));
  network.add("layer1.0.bn1", batch_norm2d(6));
  network.add("layer1.0.relu", relu());
  network.add("layer1.0.conv2", conv2d(6, 6, {.kernel = 3, .padding = 1}));
  const NodeId branch = network.add("layer1.0.bn2", batch_norm2d(6));
  network.add("layer1.0.downsample.0", conv2d(4, 6, {.stride = 2, .bias = false}), {stem});
  const NodeId shortcut = network.add("layer1.0.downsample.1", batch_norm2d(6));
  network.add("layer1.0.add", add(), {branch, shortcut});
  const NodeId block = network.add("layer1.0.relu_1", relu());
  const NodeId pooled = network.add("pool", max_pool2d({.kernel = 3, .stride = 2, .padding = 1}), {stem});
  network.add("concat", concat(), {block, pooled});
  network.add("relu6", relu6());
  network.add("avgpool", adaptive_avg_pool2d(1));
  network.add("flatten", flatten());
  network.add("fc", linear(10, 5));
  Context context({}, 1);
  fill_network(network, context);
  return network;
}

}  // namespace backlight::test
