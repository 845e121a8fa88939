// A residual network small enough for naive checks: its last block's output feeds global average pooling and
// one linear layer, so CAM applies too.
#pragma once

#include <string>

#include "engine/graph/network.hpp"
#include "kernels/layers.hpp"
#include "support/random.hpp"

namespace backlight::test {

inline void fill_parameters(Network& network, double scale) {
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name, -scale, scale);
}

inline Network small_residual_network() {
  Network network(3);
  network.add("conv1", conv2d(3, 8, {.kernel = 3, .stride = 2, .padding = 1}));
  const NodeId stem = network.add("relu1", relu());
  network.add("block.conv1", conv2d(8, 8, {.kernel = 3, .padding = 1}));
  network.add("block.relu", relu());
  const NodeId branch = network.add("block.conv2", conv2d(8, 8, {.kernel = 3, .padding = 1}));
  network.add("block.add", add(), {branch, stem});
  network.add("block.relu_1", relu());
  network.add("avgpool", adaptive_avg_pool2d(1));
  network.add("flatten", flatten());
  network.add("fc", linear(8, 5));
  fill_parameters(network, 0.4);
  return network;
}

}  // namespace backlight::test
