// Keys and shapes of a state dict, asked by name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weights/numbers.hpp"
#include "weights/stored_tensor.hpp"

namespace backlight {

/// The tensors must outlive it.
class Keys {
 public:
  using Extents = std::vector<std::int64_t>;

  explicit Keys(std::span<const StoredTensor> tensors) : tensors_(tensors) {
    for (const StoredTensor& tensor : tensors) shapes_.emplace(tensor.name(), &tensor.shape());
  }

  /// In file order.
  std::span<const StoredTensor> tensors() const { return tensors_; }

  bool has(std::string_view name) const { return shapes_.contains(name); }
  bool is(std::string_view name, const Extents& shape) const {
    const auto at = shapes_.find(name);
    return at != shapes_.end() && *at->second == shape;
  }
  /// A convolution of `filters` square filters of side `kernel`, over any number of channels.
  bool is_convolution(std::string_view name, std::int64_t filters, std::int64_t kernel) const {
    return rank(name) == 4 && is(name, {filters, extent(name, 1), kernel, kernel});
  }
  /// Extent `i` of a tensor, 0 where there is none.
  std::int64_t extent(std::string_view name, std::size_t i) const {
    const auto at = shapes_.find(name);
    return at != shapes_.end() && i < at->second->size() ? (*at->second)[i] : 0;
  }
  std::size_t rank(std::string_view name) const {
    const auto at = shapes_.find(name);
    return at == shapes_.end() ? 0 : at->second->size();
  }
  template <class Predicate>
  bool any(Predicate predicate) const {
    return std::ranges::any_of(tensors_,
                               [&](const StoredTensor& tensor) { return predicate(tensor.name()); });
  }
  bool any_begins(std::string_view prefix) const {
    return any([&](std::string_view name) { return name.starts_with(prefix); });
  }
  bool any_contains(std::string_view part) const {
    return any([&](std::string_view name) { return name.find(part) != name.npos; });
  }
  /// How many different numbers follow `prefix` directly: the blocks of a stage.
  int numbered(std::string_view prefix) const {
    std::vector<int> seen;
    for (const StoredTensor& tensor : tensors_) {
      const std::string_view name = tensor.name();
      if (!name.starts_with(prefix)) continue;
      const std::size_t dot = name.find('.', prefix.size());
      if (dot == name.npos) continue;
      if (const auto index = weights::module_number(name.substr(prefix.size(), dot - prefix.size())))
        seen.push_back(*index);
    }
    std::ranges::sort(seen);
    return static_cast<int>(std::unique(seen.begin(), seen.end()) - seen.begin());
  }
  /// Shapes of the four-dimensional weights under `prefix`, in file order.
  std::vector<Extents> convolutions(std::string_view prefix) const {
    std::vector<Extents> out;
    for (const StoredTensor& tensor : tensors_) {
      if (tensor.name().starts_with(prefix) && tensor.shape().size() == 4) out.push_back(tensor.shape());
    }
    return out;
  }

 private:
  std::span<const StoredTensor> tensors_;
  std::unordered_map<std::string_view, const Extents*> shapes_;
};

}  // namespace backlight
