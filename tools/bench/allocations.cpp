#include "tools/bench/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> calls{0};

}  // namespace

std::size_t backlight::bench::heap_allocations() { return calls; }

// Those for arrays and for what does not throw end here, too.
void* operator new(std::size_t bytes) {
  ++calls;
  if (void* block = std::malloc(bytes > 0 ? bytes : 1)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
