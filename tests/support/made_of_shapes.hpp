// State dicts that have names and shapes but next to no bytes: every tensor is one expanded value.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "weights/stored_tensor.hpp"

namespace backlight::test {

using NamedShape = std::pair<std::string, std::vector<std::int64_t>>;

inline std::vector<StoredTensor> made_of_shapes(const std::vector<NamedShape>& shapes) {
  static constexpr float kValue = 0.5f;
  auto storage = std::make_shared<weights::Storage>();
  storage->size = sizeof kValue;
  storage->read = [] { return weights::SharedBytes{nullptr, std::as_bytes(std::span(&kValue, 1))}; };
  std::vector<StoredTensor> out;
  for (const auto& [name, shape] : shapes) {
    out.emplace_back(name, shape, std::vector<std::int64_t>(shape.size(), 0), 0, StoredType::f32, storage);
  }
  return out;
}

/// Of a list of keys: lines "# network", then "key 3x5" for each of its tensors, "key " for a scalar.
inline std::map<std::string, std::vector<NamedShape>> shapes_by_network(const std::filesystem::path& file) {
  std::map<std::string, std::vector<NamedShape>> out;
  std::ifstream in(file);
  std::string network;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# ")) {
      network = line.substr(2);
      continue;
    }
    const std::size_t space = line.find(' ');
    std::vector<std::int64_t> shape;
    std::istringstream extents(line.substr(space + 1));
    for (std::string extent; std::getline(extents, extent, 'x');) shape.push_back(std::stoll(extent));
    out[network].emplace_back(line.substr(0, space), shape);
  }
  return out;
}

}  // namespace backlight::test
