// The values of a graph's parameters, apart from the graph.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight {

/// One tensor per parameter of a graph, in the order of Graph::parameters(). A copy shares every tensor, and what is
/// shared never changes: whoever writes to a tensor gets one of his own first.
class Weights {
 public:
  std::size_t size() const { return tensors_.size(); }
  const Tensor& operator[](std::size_t i) const { return *tensors_.at(i); }
  std::shared_ptr<const Tensor> shared(std::size_t i) const { return tensors_.at(i); }

  void add(Tensor tensor) { tensors_.push_back(std::make_shared<Tensor>(std::move(tensor))); }
  void replace(std::size_t i, Tensor tensor) { tensors_.at(i) = std::make_shared<Tensor>(std::move(tensor)); }
  /// To write to. A tensor that others share, which must lie in the host's memory, is copied first.
  Tensor& own(std::size_t i) {
    std::shared_ptr<Tensor>& tensor = tensors_.at(i);
    if (tensor.use_count() > 1) tensor = std::make_shared<Tensor>(tensor->clone());
    return *tensor;
  }

 private:
  std::vector<std::shared_ptr<Tensor>> tensors_;
};

}  // namespace backlight
