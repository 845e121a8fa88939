// What kernels ask of the memory system, counted warp by warp as the hardware would carry it out. Kernels are
// counted that were compiled with emulator_counted (emulator.cmake); their source needs no change.
//
// The threads of a warp run one after another here, so an instruction of the warp is put together afterwards:
// lanes that execute the same machine instruction for the n-th time since they last met in a barrier or a
// collective execute it together. That is what the hardware does where a warp's lanes reconverge at once.
#pragma once

#include <cstdint>
#include <memory>

#include "counters_tsan.hpp"

namespace backlight::emulator {

/// Sums over all launches. "Access" is a load, store or atomic of one warp: one instruction, up to 32 lanes.
struct Counters {
  std::uint64_t launches = 0, blocks = 0, threads = 0;
  std::uint64_t global_loads = 0, global_stores = 0, global_atomics = 0;  ///< accesses to device memory
  /// 32-byte sectors that those touch: the unit in which memory is moved. 4 bytes a lane at neighbouring
  /// addresses touch 4; the same with a stride of 32 bytes or more, 32. What an access finds in a cache is
  /// counted, too.
  std::uint64_t load_sectors = 0, store_sectors = 0;  ///< an atomic's are among the stores'
  std::uint64_t shared_accesses = 0;
  /// Extra cycles of shared accesses: in each of the 32 banks, one word of 4 bytes a cycle, to any number of
  /// lanes. Accesses of 8 or 16 bytes a lane are carried out by halves or quarters of the warp.
  std::uint64_t bank_conflicts = 0;
  /// Accesses without some of the warp's lanes: these are in another branch, have left the loop, or are past
  /// the end.
  std::uint64_t partial_accesses = 0;
  std::uint64_t barriers = 0;          ///< __syncthreads and its relatives, once a block
  std::uint64_t warp_collectives = 0;  ///< shuffles, votes and __syncwarp in which a whole warp takes part

  friend bool operator==(const Counters&, const Counters&) = default;
};

/// Counts every launch that runs while it lives. One at a time: throws std::logic_error for a second.
class Counting {
 public:
  Counting();
  ~Counting();
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

  /// Of the launches that have run: synchronise first.
  const Counters& counters() const;

 private:
  class Recorder;
  friend void count_access(const void* site, const void* address, unsigned bytes, Access kind);
  std::unique_ptr<Recorder> recorder_;
};

}  // namespace backlight::emulator
