#include "models/squeezenet.hpp"

#include "kernels/layers.hpp"

namespace backlight {
namespace {

/// Squeezes to `narrow` channels, then expands to 2·`wide`: half by 1×1, half by 3×3 filters.
void add_fire(Network& net, const std::string& path, std::int64_t in, std::int64_t narrow,
              std::int64_t wide) {
  net.add(path + ".squeeze", conv2d(in, narrow, {.kernel = 1}));
  const NodeId squeezed = net.add(path + ".squeeze_activation", relu());
  net.add(path + ".expand1x1", conv2d(narrow, wide, {.kernel = 1}));
  const NodeId small = net.add(path + ".expand1x1_activation", relu());
  net.add(path + ".expand3x3", conv2d(narrow, wide, {.kernel = 3, .padding = 1}), {squeezed});
  const NodeId large = net.add(path + ".expand3x3_activation", relu());
  net.add(path + ".cat", concat(), {small, large});
}

}  // namespace

Network squeezenet(bool smaller, const NetworkDescription& description) {
  const Pool2dOptions pool{.kernel = 3, .stride = 2, .ceil_mode = true};
  const std::int64_t stem = smaller ? 64 : 96;
  Network net(description.channels);
  net.add("features.0", conv2d(description.channels, stem, {.kernel = smaller ? 3 : 7, .stride = 2}));
  net.add("features.1", relu());
  int index = 2;
  std::int64_t channels = stem;
  const auto add_pool = [&] { net.add("features." + std::to_string(index++), max_pool2d(pool)); };
  const auto fire = [&](std::int64_t narrow, std::int64_t wide) {
    add_fire(net, "features." + std::to_string(index++), channels, narrow, wide);
    channels = 2 * wide;
  };
  // The two differ in the stem and in where they pool.
  add_pool();
  fire(16, 64);
  fire(16, 64);
  if (smaller) add_pool();
  fire(32, 128);
  if (!smaller) add_pool();
  fire(32, 128);
  if (smaller) add_pool();
  fire(48, 192);
  fire(48, 192);
  fire(64, 256);
  if (!smaller) add_pool();
  fire(64, 256);
  const HeadLayer& head = description.head.back();
  net.add("classifier.0", dropout(0.5));
  net.add(head.name, conv2d(head.in, head.out, {.kernel = 1, .bias = head.bias}));
  net.add("classifier.2", relu());
  net.add("classifier.3", adaptive_avg_pool2d(1));
  net.add("flatten", flatten());
  return net;
}

}  // namespace backlight
