// The shared memory of the running block. Each array lies between red zones and is filled with NaN in every
// block, so that use before initialisation shows in results and writing past an array is noticed when the
// block ends.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "simt.hpp"

namespace backlight::emulator {

class SharedArena {
 public:
  static constexpr std::size_t kStaticLimit = 48 << 10, kLimit = 227 << 10;

  SharedArena() = default;
  ~SharedArena();
  SharedArena(const SharedArena&) = delete;
  SharedArena& operator=(const SharedArena&) = delete;

  void start_block(std::size_t dynamic_bytes);
  /// Says which red zone was written to, or nothing.
  std::string finish_block();
  /// Sets `error` where the block has more shared memory than the hardware gives.
  void* allocate(SharedArray& array, std::size_t bytes, std::string& error);
  void* dynamic() const { return dynamic_; }
  bool contains(const void* address) const { return address >= base_ && address < base_ + used_; }

  /// Addresses that stand for the block's barriers and the meetings of its warps, new in every block.
  void* barrier_sync(unsigned generation) const { return base_ + generation; }
  void* warp_sync(unsigned warp, unsigned meeting, unsigned generation) const {
    return base_ + 2 + (warp * 32 + meeting) * 2 + generation;
  }

 private:
  struct Zone {
    const char* name;
    const unsigned char *begin, *end;
  };
  unsigned char* take(const char* name, std::size_t bytes);

  unsigned char* base_ = nullptr;
  std::size_t used_ = 0, array_bytes_ = 0;
  void* dynamic_ = nullptr;
  std::array<Zone, 64> zones_{};
  std::size_t zone_count_ = 0;
};

}  // namespace backlight::emulator
