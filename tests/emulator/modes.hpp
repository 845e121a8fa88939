// Runs a test in every mode of the emulator: three thread orders, eager and deferred streams.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

#include "emulator.hpp"

namespace backlight::test {

#ifdef __SANITIZE_THREAD__
inline constexpr bool kEveryMode = false;  // races show in any one order
#else
inline constexpr bool kEveryMode = true;
#endif

/// After each mode nothing may be left and nothing reported.
template <class Body>
void in_every_mode(Body&& body) {
  using namespace emulator;
  for (const Streams streams : {Streams::eager, Streams::deferred}) {
    for (const auto& [order, seed] :
         {std::pair{Order::forward, 1u}, {Order::reverse, 1u}, {Order::shuffled, 3u}}) {
      if (!kEveryMode && (streams == Streams::eager || order != Order::reverse)) continue;
      CAPTURE(static_cast<int>(streams));
      CAPTURE(static_cast<int>(order));
      reset();
      options() = {.order = order, .seed = seed, .streams = streams};
      body();
      CHECK(take_report() == "");
      CHECK(leak_report() == "");
    }
  }
  reset();
  options() = {};
}

/// A clean device in one mode, and a clean device again afterwards, whatever the test did to it.
struct FreshDevice {
  explicit FreshDevice(emulator::Options options = {}) {
    emulator::reset();
    emulator::options() = options;
  }
  ~FreshDevice() {
    emulator::reset();
    emulator::options() = {};
  }
  FreshDevice(const FreshDevice&) = delete;
  FreshDevice& operator=(const FreshDevice&) = delete;
};

}  // namespace backlight::test
