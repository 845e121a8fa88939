#include "support/sentinel.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace backlight::test {
namespace {

constexpr std::size_t kField = 256;
constexpr unsigned char kPattern = 0xA5;
constexpr std::align_val_t kAlignment{64};

bool untouched(const unsigned char* field, std::size_t bytes) {
  return std::all_of(field, field + bytes, [](unsigned char byte) { return byte == kPattern; });
}

}  // namespace

SentinelPool::~SentinelPool() {
  for (const Block& block : blocks_) ::operator delete(block.begin, kAlignment);
}

void* SentinelPool::allocate(std::size_t bytes) {
  auto* begin = static_cast<unsigned char*>(::operator new(bytes + 2 * kField, kAlignment));
  std::memset(begin, kPattern, bytes + 2 * kField);
  std::memset(begin + kField, 0xFF, bytes);  // all ones is a NaN in either precision
  blocks_.push_back({begin, bytes, false});
  return begin + kField;
}

// Freed blocks stay, filled with the pattern, so that a late write is seen too.
void SentinelPool::deallocate(void* memory, std::size_t) noexcept {
  for (Block& block : blocks_) {
    if (block.begin + kField != memory) continue;
    block.freed = true;
    std::memset(memory, kPattern, block.bytes);
  }
}

std::size_t SentinelPool::bytes_in_use() const {
  std::size_t sum = 0;
  for (const Block& block : blocks_) sum += block.freed ? 0 : block.bytes;
  return sum;
}

std::size_t SentinelPool::peak_bytes() const {
  std::size_t sum = 0;
  for (const Block& block : blocks_) sum += block.bytes;
  return sum;
}

bool SentinelPool::intact() const {
  return std::ranges::all_of(blocks_, [](const Block& block) {
    const unsigned char* after = block.begin + kField + block.bytes;
    return untouched(block.begin, kField) && untouched(after, kField) &&
           (!block.freed || untouched(block.begin + kField, block.bytes));
  });
}

}  // namespace backlight::test
