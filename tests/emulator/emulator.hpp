// What tests may ask of the emulated device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simt.hpp"

namespace backlight::emulator {

/// `eager` runs work when it is enqueued; `deferred` only when something waits for it, which brings to light
/// a missing synchronisation and a buffer that is used again too early.
enum class Streams : std::uint8_t { eager, deferred };

/// What the emulated cuDNN has plans for: everything that the real one was found to have, convolutions alone,
/// nothing.
enum class Plans : std::uint8_t { all, unfused, none };

/// At the start of the program taken from the environment: BACKLIGHT_EMULATOR_ORDER=forward|reverse|shuffled,
/// BACKLIGHT_EMULATOR_SEED=N, BACKLIGHT_EMULATOR_STREAMS=eager|deferred, BACKLIGHT_EMULATOR_DEVICES=N.
struct Options {
  Order order = Order::forward;
  std::uint64_t seed = 1;
  Streams streams = Streams::eager;
  std::size_t memory_bytes = std::size_t{8} << 30;  ///< of each device
  Plans plans = Plans::all;                         ///< with `none`, cuBLASLt finds no algorithm either
  int devices = 1;
  std::vector<std::int64_t> failing_engines = {};  ///< of cuDNN's, whose plans fail when they are run
};
/// Throws std::invalid_argument for an unknown value in the environment.
Options& options();

/// The first mistake that was found since the last call, in words; empty when there was none.
std::string take_report();

/// What was created and not released: memory, streams, events, graphs; empty when there is nothing. It is
/// also written to stderr when the program ends.
std::string leak_report();

/// Drops all pending work and releases everything, as if the program had just started. For tests of mistakes.
void reset();

/// The devices on which a context was made, which takes memory there, since the last reset.
std::vector<int> devices_in_use();

/// Threads of kernels that have run since the program started.
std::uint64_t threads_run();

}  // namespace backlight::emulator
