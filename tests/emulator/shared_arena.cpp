#include "shared_arena.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "fiber.hpp"

#ifdef EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace backlight::emulator {
namespace {

constexpr std::size_t kSharedAlignment = 128, kSharedRedZone = 128, kSyncBytes = 4096;
constexpr std::size_t kArena = kSyncBytes + 512 * 1024;
constexpr unsigned char kSharedFill = 0xFF;  // NaN as a float

unsigned char* map(std::size_t bytes) {
  // Not mmap(): ThreadSanitizer takes that for a write by the running CUDA thread.
  const long address = syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == -1) throw std::bad_alloc();
  return reinterpret_cast<unsigned char*>(address);
}

std::size_t round_up(std::size_t bytes) {
  return (bytes + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
}

void poison([[maybe_unused]] const void* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef EMULATOR_ASAN
  __asan_poison_memory_region(begin, bytes);
#endif
}
void unpoison([[maybe_unused]] const void* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef EMULATOR_ASAN
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

}  // namespace

SharedArena::~SharedArena() {
#ifndef EMULATOR_TSAN
  if (base_) munmap(base_, kArena);
#endif
}

void SharedArena::start_block(std::size_t dynamic_bytes) {
#ifdef EMULATOR_TSAN
  // ThreadSanitizer has no way to be told that memory is new, so every block gets addresses no block has
  // used.
  constexpr std::size_t kChunk = std::size_t{1} << 30;
  static unsigned char *next = nullptr, *end = nullptr;
  next = base_ ? base_ + round_up(used_) : nullptr;
  if (!next || next + kArena > end) {
    next = map(kChunk);
    end = next + kChunk;
  }
  base_ = next;
#else
  if (!base_) base_ = map(kArena);
#endif
  unpoison(base_, kArena);
  ++block_serial;
  used_ = kSyncBytes;
  array_bytes_ = zone_count_ = 0;
  dynamic_ = nullptr;
  take("the shared memory's start", 0);
  if (dynamic_bytes) dynamic_ = take("dynamic shared memory", dynamic_bytes);
}

unsigned char* SharedArena::take(const char* name, std::size_t bytes) {
  unsigned char* array = base_ + used_;
  const std::size_t extent = round_up(bytes) + kSharedRedZone;
  // A loop, not std::fill_n, whose memset ThreadSanitizer would take for a write by the running CUDA thread.
  for (std::size_t i = 0; i < extent; ++i) array[i] = kSharedFill;
  used_ += extent;
  if (zone_count_ < zones_.size()) zones_[zone_count_++] = {name, array + bytes, array + extent};
  poison(array + bytes, extent - bytes);
  return array;
}

void* SharedArena::allocate(SharedArray& array, std::size_t bytes, std::string& error) {
  array_bytes_ += bytes;
  if (array_bytes_ > kStaticLimit)
    error = std::string("the block's shared arrays exceed 48 KiB at '") + array.name + "'";
  if (used_ + round_up(bytes) + kSharedRedZone > kArena) std::abort();
  array.address = take(array.name, bytes);
  array.block = block_serial;
  return array.address;
}

std::string SharedArena::finish_block() {
  unpoison(base_, used_);
  for (std::size_t i = 0; i < zone_count_; ++i) {
    const unsigned char* hit =
        std::find_if(zones_[i].begin, zones_[i].end, [](unsigned char byte) { return byte != kSharedFill; });
    if (hit != zones_[i].end)
      return std::string("out-of-bounds write ") + std::to_string(hit - zones_[i].begin) +
             " bytes past the end of '" + zones_[i].name + "' in shared memory";
  }
  return {};
}

}  // namespace backlight::emulator
