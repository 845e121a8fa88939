// One block of memory for all values of a run, whose places are planned before it starts.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight {

/// A value that is in use from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0, last = 0;
};

struct ArenaPlan {
  std::vector<std::size_t> offsets;  ///< one per value; multiples of 256 bytes
  std::size_t bytes = 0;
};

/// Places for values such that two that are in use at once do not overlap: the largest first, each at the lowest
/// place that is free as long as it is in use.
ArenaPlan plan_arena(std::span<const Lifetime> values);

/// Hands out places of a block, which stays until the last tensor in it is gone.
class Arena final : public MemoryPool {
 public:
  explicit Arena(Tensor block) : block_(std::move(block)) {}
  /// The place of the next tensor, and of no other.
  void go_to(std::size_t offset) { next_ = offset; }

  /// Throws Error(internal) where no place was named.
  void* allocate(std::size_t bytes) override;
  void deallocate(void*, std::size_t) noexcept override {}
  std::size_t bytes_in_use() const override { return block_.bytes(); }
  std::size_t peak_bytes() const override { return block_.bytes(); }
  std::shared_ptr<MemoryPool> pool_of_copies() override { return block_.pool(); }
  int device() const override { return block_.device(); }
  void read(void* to, const void* from, std::size_t bytes) override { block_.pool()->read(to, from, bytes); }

 private:
  Tensor block_;
  std::optional<std::size_t> next_ = {};
};

}  // namespace backlight
