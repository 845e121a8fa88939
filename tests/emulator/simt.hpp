// What a kernel and the runtime ask of the scheduler. The device side of CUDA C++
// (include/device_functions.hpp) is written in terms of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vector_types.h"

namespace backlight::emulator {

/// Where in the source a barrier, a collective or a shared array stands.
struct Location {
  const char* file;
  int line;
  static constexpr Location current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  friend bool operator==(const Location&, const Location&) = default;
};

/// In which order runnable threads of a block, and the blocks of a grid, get to run.
enum class Order : std::uint8_t { forward, reverse, shuffled };

/// Runs every thread of every block; returns what went wrong, or nothing. Threads of one block run
/// interleaved on the calling thread. One grid at a time: the caller holds the device's lock.
struct Grid {
  dim3 grid, block;
  std::size_t dynamic_shared_bytes = 0;
  Order order = Order::forward;
  std::uint64_t seed = 1;
};
std::string run_grid(const Grid& grid, void (*body)(void*), void* argument);

/// Is told what happens while grids run; see counters.hpp.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void grid_starts(const Grid& grid) = 0;
  /// Every thread of the block that has not exited has arrived at a barrier.
  virtual void barrier_opens() = 0;
  /// Every lane of the warp that has not exited has arrived at a collective.
  virtual void warp_meets(unsigned warp) = 0;
  virtual void block_ends() = 0;
};
/// Null: nobody is told.
void observe(Observer* observer);

// --- called by the running CUDA thread

unsigned lane_index();
unsigned thread_index();  ///< in its block

/// Whether the running block's shared memory holds this address.
bool in_shared_memory(const void* address);

struct BlockVote {
  int count;
  bool all, any;
};
/// __syncthreads and its relatives.
BlockVote block_barrier(bool predicate, Location location);

enum class Collective : std::uint8_t { syncwarp, shuffle, vote };
/// The values of the lanes that take part, by lane; the others' are meaningless.
struct Lanes {
  const std::uint64_t* values;
  unsigned participants;
};
Lanes warp_exchange(unsigned mask, std::uint64_t value, Collective collective, Location location);

/// A __shared__ variable: memory of its own in every block, NaN-filled, between red zones.
struct SharedArray {
  const char* name;
  Location location;
  void* address = nullptr;
  std::uint64_t block = 0;
};
void* allocate_shared(SharedArray& array, std::size_t bytes);
extern std::uint64_t block_serial;
inline void* shared_memory(SharedArray& array, std::size_t bytes) {
  return array.block == block_serial ? array.address : allocate_shared(array, bytes);
}
void* dynamic_shared_memory();

}  // namespace backlight::emulator
