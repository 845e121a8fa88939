// Networks small enough for naive checks.
#pragma once

#include <string>

#include "engine/graph/network.hpp"
#include "kernels/layers.hpp"
#include "support/random.hpp"

namespace backlight::test {

inline void fill_parameters(Network& network, double scale) {
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name, -scale, scale);
}

/// Its last block's output feeds global average pooling and one linear layer, so CAM applies too.
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

/// A tail like VGG's: what a linear layer takes keeps its place, and a ReLU follows.
inline Network small_dense_network() {
  Network network(3);
  network.add("conv1", conv2d(3, 6, {.kernel = 3, .padding = 1}));
  network.add("relu1", relu());
  network.add("pool1", max_pool2d({.kernel = 2, .stride = 2}));
  network.add("conv2", conv2d(6, 8, {.kernel = 3, .padding = 1}));
  network.add("relu2", relu());
  network.add("pool2", max_pool2d({.kernel = 2, .stride = 2}));
  network.add("flatten", flatten());
  network.add("fc1", linear(96, 12));
  network.add("relu3", relu());
  network.add("fc2", linear(12, 5));
  fill_parameters(network, 0.4);
  return network;
}

}  // namespace backlight::test
