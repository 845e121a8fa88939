#include "models/alexnet.hpp"

#include "kernels/layers.hpp"
#include "models/head.hpp"

namespace backlight {

Network alexnet(const NetworkDescription& description) {
  Network net(description.channels);
  net.add("features.0", conv2d(description.channels, 64, {.kernel = 11, .stride = 4, .padding = 2}));
  net.add("features.1", relu());
  net.add("features.2", max_pool2d({.kernel = 3, .stride = 2}));
  net.add("features.3", conv2d(64, 192, {.kernel = 5, .padding = 2}));
  net.add("features.4", relu());
  net.add("features.5", max_pool2d({.kernel = 3, .stride = 2}));
  net.add("features.6", conv2d(192, 384, {.kernel = 3, .padding = 1}));
  net.add("features.7", relu());
  net.add("features.8", conv2d(384, 256, {.kernel = 3, .padding = 1}));
  net.add("features.9", relu());
  net.add("features.10", conv2d(256, 256, {.kernel = 3, .padding = 1}));
  net.add("features.11", relu());
  net.add("features.12", max_pool2d({.kernel = 3, .stride = 2}));
  net.add("avgpool", adaptive_avg_pool2d(static_cast<int>(description.pooled)));
  net.add("flatten", flatten());
  add_head(net, description.head);
  return net;
}

Network alexnet_original(const NetworkDescription& description) {
  // Caffe rounds pooled sizes up.
  const Pool2dOptions pool{.kernel = 3, .stride = 2, .ceil_mode = true};
  const LocalResponseNormOptions norm{.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 1};
  Network net(description.channels);
  net.add("conv1", conv2d(description.channels, 96, {.kernel = 11, .stride = 4}));
  net.add("relu1", relu());
  net.add("norm1", local_response_norm(norm));
  net.add("pool1", max_pool2d(pool));
  net.add("conv2", conv2d(96, 256, {.kernel = 5, .padding = 2, .groups = 2}));
  net.add("relu2", relu());
  net.add("norm2", local_response_norm(norm));
  net.add("pool2", max_pool2d(pool));
  net.add("conv3", conv2d(256, 384, {.kernel = 3, .padding = 1}));
  net.add("relu3", relu());
  net.add("conv4", conv2d(384, 384, {.kernel = 3, .padding = 1, .groups = 2}));
  net.add("relu4", relu());
  net.add("conv5", conv2d(384, 256, {.kernel = 3, .padding = 1, .groups = 2}));
  net.add("relu5", relu());
  net.add("pool5", max_pool2d(pool));
  net.add("flatten", flatten());
  net.add("fc6", linear(256 * 6 * 6, 4096));
  net.add("relu6", relu());
  net.add("drop6", dropout(0.5));
  net.add("fc7", linear(4096, 4096));
  net.add("relu7", relu());
  net.add("drop7", dropout(0.5));
  add_head(net, description.head);
  return net;
}

}  // namespace backlight
