#include "models/memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace backlight {
namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// The number in a file of one word; kUnlimited for "max" or without the file.
std::int64_t number_in(const char* path) {
  std::int64_t value = 0;
  return std::ifstream(path) >> value ? value : kUnlimited;
}

}  // namespace

std::int64_t least_memory(const Network& network, const Shape& input, bool backward_to_input) {
  const std::vector<Shape> shapes = network.shapes(input);
  std::int64_t all = 0, largest = 0;
  for (NodeId id = 0; id < network.size(); ++id) {
    const Node& node = network.node(id);
    const std::int64_t own = shapes[static_cast<std::size_t>(id)].numel();
    const bool in_place = node.layer && node.layer->in_place();
    std::int64_t together = own;
    for (const NodeId from : node.inputs)
      if (!in_place) together += shapes[static_cast<std::size_t>(from)].numel();
    if (!in_place) all += own;
    largest = std::max(largest, together);
  }
  return (backward_to_input ? all : largest) * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t free_memory() {
  std::int64_t system = kUnlimited;
  std::ifstream facts("/proc/meminfo");
  for (std::string name, unit; facts >> name;) {
    std::int64_t kilobytes = 0;
    facts >> kilobytes;
    std::getline(facts, unit);
    if (name == "MemAvailable:") system = kilobytes * 1024;
  }
  const std::int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const std::int64_t used = number_in("/sys/fs/cgroup/memory.current");
  const std::int64_t group =
      limit == kUnlimited || used == kUnlimited ? kUnlimited : std::max<std::int64_t>(0, limit - used);
  return std::min(system, group);
}

}  // namespace backlight
