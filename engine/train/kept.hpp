// What a network that stays as it is computes of every picture of a training set, kept for the head that is trained
// on it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "engine/graph/network.hpp"

namespace backlight {

/// The outputs of a network of one input in evaluation (batch norm by its running statistics), computed once, kept as
/// float16 in the host's memory.
class KeptOutputs {
 public:
  /// Of `count` items: `inputs(first, n)` gives those from `first` on, N×…, all of one shape. Throws Error(usage) for
  /// no items, what Run throws, and Error(bad_input) where a value is beyond float16.
  KeptOutputs(const Network& network, Context& context, std::int64_t count,
              const std::function<Tensor(std::int64_t first, std::int64_t n)>& inputs);

  std::int64_t count() const { return kept_.shape()[0]; }
  /// Of these items, in this order, as float32. Throws Error(usage) for one that there is not.
  Tensor rows(std::span<const std::int64_t> items) const;

 private:
  Tensor kept_;
};

}  // namespace backlight
