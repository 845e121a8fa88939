// State dicts that have names and shapes but next to no bytes: every tensor is one expanded value.
#pragma once

#include <memory>
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

}  // namespace backlight::test
