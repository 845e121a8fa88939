// Vectors whose memory a pool keeps, so that what is done again allocates nothing anew.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight {

/// The pool must outlive what is allocated, and be of host memory.
template <class T>
struct PoolAllocator {
  using value_type = T;

  explicit PoolAllocator(MemoryPool& memory) : pool(&memory) {}
  template <class U>
  PoolAllocator(const PoolAllocator<U>& other) : pool(other.pool) {}

  T* allocate(std::size_t count) { return static_cast<T*>(pool->allocate(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept { pool->deallocate(block, count * sizeof(T)); }

  friend bool operator==(const PoolAllocator&, const PoolAllocator&) = default;

  MemoryPool* pool;
};

template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

}  // namespace backlight
