// Memory that tells when a kernel writes beyond its buffer, or leaves an element of it unwritten.
#pragma once

#include <memory>
#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight::test {

/// Every block starts as NaN throughout and lies between two fields of 256 bytes of a known pattern.
class SentinelPool final : public MemoryPool {
 public:
  ~SentinelPool() override;
  void* allocate(std::size_t bytes) override;
  void deallocate(void* block, std::size_t bytes) noexcept override;
  std::size_t bytes_in_use() const override;
  std::size_t peak_bytes() const override;

  /// True while nothing was written outside any block, living or freed.
  bool intact() const;

 private:
  struct Block {
    unsigned char* begin;
    std::size_t bytes;
    bool freed;
  };
  std::vector<Block> blocks_;
};

}  // namespace backlight::test
