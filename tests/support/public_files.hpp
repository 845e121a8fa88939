// Files of public captioners and question answerers, as tests/golden/make_public_networks.py knows them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/fill_network.hpp"
#include "support/made_of_shapes.hpp"
#include "weights/safetensors.hpp"

namespace backlight::test {

inline std::filesystem::path public_file(const std::string& name) {
  return BACKLIGHT_SOURCE_DIR "/tests/golden/public_networks/" + name;
}

/// Names and shapes of one, such as "small tutorial.encoder".
inline std::vector<NamedShape> keys_of(const std::string& network) {
  static const auto all = shapes_by_network(public_file("keys.txt"));
  std::vector<NamedShape> keys = all.at(network);
  keys.erase(keys.begin());
  return keys;
}

/// Writes a file of these tensors, filled by their keys.
inline std::filesystem::path filled_file(const std::filesystem::path& path,
                                         const std::vector<NamedShape>& keys,
                                         const std::string& prefix = "") {
  Context context({}, 2);
  std::vector<Tensor> values;
  for (const auto& [key, shape] : keys) {
    values.push_back(Tensor::zeros(Shape(shape)));
    if (!key.ends_with("num_batches_tracked")) fill_parameter(values.back(), key, context);
  }
  std::vector<std::string> names;
  for (const auto& key : keys) names.push_back(prefix + key.first);
  std::vector<TensorToWrite> tensors;
  for (std::size_t i = 0; i < keys.size(); ++i) tensors.push_back({names[i], &values[i]});
  write_safetensors(path, tensors, {});
  return path;
}

}  // namespace backlight::test
