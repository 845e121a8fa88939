// A network as EfficientNets are made: a gated, inverted residual block, SiLU almost everywhere, and one ReLU, at which
// the rules of guided backprop and deconvnet are defined.
#pragma once

#include "engine/graph/network.hpp"
#include "kernels/layers.hpp"
#include "support/fill_network.hpp"

namespace backlight::test {

/// Input N×3×H×W, output N×5. tests/golden/make_squeeze_excitation.py has the same; "silu" is what the head pools.
inline Network squeeze_excitation_network() {
  Network network(3);
  network.add("stem", conv2d(3, 6, {.kernel = 3, .stride = 2, .padding = 1}));
  const NodeId stem = network.add("relu", relu());
  network.add("block.expand", conv2d(6, 12, {.bias = false}));
  network.add("block.bn1", batch_norm2d(12));
  network.add("block.silu1", silu());
  network.add("block.depthwise", conv2d(12, 12, {.kernel = 3, .padding = 1, .groups = 12, .bias = false}));
  network.add("block.bn2", batch_norm2d(12));
  const NodeId maps = network.add("block.silu2", silu());
  network.add("block.se.pool", adaptive_avg_pool2d(1));
  network.add("block.se.reduce", conv2d(12, 3, {}));
  network.add("block.se.silu", silu());
  network.add("block.se.expand", conv2d(3, 12, {}));
  const NodeId gate = network.add("block.se.gate", sigmoid());
  network.add("block.se.scale", multiply(), {maps, gate});
  network.add("block.project", conv2d(12, 6, {.bias = false}));
  const NodeId branch = network.add("block.bn3", batch_norm2d(6));
  network.add("block.add", add(), {stem, branch});
  network.add("head", conv2d(6, 8, {}));
  network.add("silu", silu());
  network.add("avgpool", adaptive_avg_pool2d(1));
  network.add("flatten", flatten());
  network.add("fc", linear(8, 5));
  Context context({}, 1);
  fill_network(network, context);
  return network;
}

}  // namespace backlight::test
