// What the processor does at best, to compare with.
#pragma once

#include "engine/runtime/device.hpp"
#include "tools/bench/timing.hpp"

namespace backlight::bench {

/// By all threads together, the best of the repeated measurements.
struct Peak {
  double gflop_per_s;      ///< float32 by the context's instructions, on operands in the first-level cache
  double gflop_per_cpu_s;  ///< the same per second of processor time: of one thread
  double gb_per_s;         ///< read from memory that no cache holds
};

/// On the CPU. Takes a GiB of memory meanwhile.
Peak measure_peak(const Context& context, int repeat);

/// Of two measurements.
Peak best(const Peak& a, const Peak& b);

/// The least time of work on the processor, and what sets it.
struct LeastTime {
  double ms;
  const char* bound;  ///< "arithmetic" or "memory"
};
LeastTime least_time(const Peak& peak, double operations, double bytes);

}  // namespace backlight::bench
