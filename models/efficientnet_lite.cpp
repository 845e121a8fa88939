#include "models/efficientnet_lite.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/layers.hpp"
#include "models/head.hpp"

namespace backlight {
namespace {

struct Scaling {
  double width, depth;
  double dropout;
};

Scaling scaling(int version) {
  switch (version) {
    case 0:
      return {1.0, 1.0, 0.2};
    case 1:
      return {1.0, 1.1, 0.2};
    case 2:
      return {1.1, 1.2, 0.3};
  }
  throw Error(ErrorKind::usage, "there is no EfficientNet-Lite", version, " here, expected 0, 1 or 2");
}

struct Stage {
  int repeats, kernel, stride, expand;
  std::int64_t channels;
};

/// Table 1 of the EfficientNet paper.
constexpr std::array<Stage, 7> kStages = {{{1, 3, 1, 1, 16},
                                           {2, 3, 2, 6, 24},
                                           {2, 5, 2, 6, 40},
                                           {3, 3, 2, 6, 80},
                                           {3, 5, 1, 6, 112},
                                           {4, 5, 2, 6, 192},
                                           {1, 3, 1, 6, 320}}};

/// Scaled and rounded to a multiple of 8, never down by more than a tenth.
std::int64_t scaled_width(std::int64_t channels, double factor) {
  const double wanted = static_cast<double>(channels) * factor;
  const std::int64_t rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(wanted + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * wanted ? rounded + 8 : rounded;
}

/// TensorFlow's or PyTorch's conventions for the layers.
struct Framework {
  bool same;
  double epsilon, momentum;

  std::unique_ptr<Layer> conv(std::int64_t in, std::int64_t out, int kernel, int stride = 1,
                              std::int64_t groups = 1) const {
    return conv2d(in, out,
                  {.kernel = kernel,
                   .stride = stride,
                   .padding = same ? 0 : kernel / 2,
                   .same = same,
                   .groups = groups,
                   .bias = false});
  }
  std::unique_ptr<Layer> norm(std::int64_t channels) const {
    return batch_norm2d(channels, epsilon, momentum);
  }
};

/// MBConv: expand 1×1, depthwise k×k, project 1×1; the last has no activation.
void add_block(Network& net, const Framework& of, const std::string& path, std::int64_t in,
               const Stage& stage) {
  const NodeId x = net.output();
  const std::int64_t expanded = in * stage.expand;
  if (stage.expand != 1) {
    net.add(path + "._expand_conv", of.conv(in, expanded, 1));
    net.add(path + "._bn0", of.norm(expanded));
    net.add(path + "._swish", relu6());
  }
  net.add(path + "._depthwise_conv", of.conv(expanded, expanded, stage.kernel, stage.stride, expanded));
  net.add(path + "._bn1", of.norm(expanded));
  net.add(path + (stage.expand != 1 ? "._swish_1" : "._swish"), relu6());
  net.add(path + "._project_conv", of.conv(expanded, stage.channels, 1));
  const NodeId residual = net.add(path + "._bn2", of.norm(stage.channels));
  if (stage.stride == 1 && in == stage.channels) net.add(path + ".add", add(), {residual, x});
}

Network build(int version, const Framework& of, const NetworkDescription& description) {
  const auto [width, depth, dropout_rate] = scaling(version);
  // Lite does not scale the stem, the head, or the number of blocks of the first and the last stage.
  constexpr std::int64_t kStem = 32, kHead = 1280;
  Network net(description.channels);
  net.add("_conv_stem", of.conv(description.channels, kStem, 3, 2));
  net.add("_bn0", of.norm(kStem));
  net.add("_swish", relu6());
  std::int64_t channels = kStem;
  int block = 0;
  for (std::size_t s = 0; s < kStages.size(); ++s) {
    Stage stage = kStages[s];
    stage.channels = scaled_width(stage.channels, width);
    const bool fixed = s == 0 || s + 1 == kStages.size();
    const int repeats = fixed ? stage.repeats : static_cast<int>(std::ceil(depth * stage.repeats));
    for (int i = 0; i < repeats; ++i) {
      add_block(net, of, "_blocks." + std::to_string(block++), channels, stage);
      channels = stage.channels;
      stage.stride = 1;
    }
  }
  net.add("_conv_head", of.conv(channels, kHead, 1));
  net.add("_bn1", of.norm(kHead));
  net.add("_swish_1", relu6());
  net.add("_avg_pooling", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  net.add("_dropout", dropout(dropout_rate));
  add_head(net, description.head);
  return net;
}

}  // namespace

Network efficientnet_lite(int version, const NetworkDescription& description) {
  return build(version, {true, 1e-3, 0.01}, description);
}

Network timm_efficientnet_lite(int version, const NetworkDescription& description) {
  return build(version, {false, 1e-5, 0.1}, description);
}

}  // namespace backlight
