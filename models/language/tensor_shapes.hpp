// What a network's sizes are read from: the names and shapes of a file's tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight::language {

class TensorShapes {
 public:
  /// `where` stands for the file in errors.
  TensorShapes(std::vector<StoredTensor> tensors, std::string where)
      : tensors_(std::move(tensors)), where_(std::move(where)) {}

  std::span<const StoredTensor> tensors() const { return tensors_; }
  const std::string& where() const { return where_; }

  /// Null where there is none.
  const StoredTensor* find(const std::string& name) const {
    for (const StoredTensor& tensor : tensors_)
      if (tensor.name() == name) return &tensor;
    return nullptr;
  }
  /// Throws Error(bad_input) for a tensor that is not there or has no such dimension.
  std::int64_t extent(const std::string& name, std::size_t dimension) const {
    const StoredTensor* tensor = find(name);
    if (!tensor)
      throw Error(ErrorKind::bad_input, where_, ": has no tensor '", name,
                  "', from whose shape a size of the network is read");
    if (tensor->shape().size() <= dimension || tensor->shape()[dimension] < 1)
      throw Error(ErrorKind::bad_input, where_, ": '", name, "' is ", weights::extents_text(tensor->shape()),
                  ", from which no size of the network can be read");
    return tensor->shape()[dimension];
  }
  /// How many of `name(0)`, `name(1)` … there are.
  template <class Name>
  std::int64_t count(Name&& name) const {
    std::int64_t n = 0;
    while (find(name(n))) ++n;
    return n;
  }

 private:
  std::vector<StoredTensor> tensors_;
  std::string where_;
};

}  // namespace backlight::language
