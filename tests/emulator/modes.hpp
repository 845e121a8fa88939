// Runs a test on the device that this build has: on the emulated one in every mode (three thread orders,
// eager and deferred streams), on a GPU once.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <utility>

#ifdef BACKLIGHT_CUDA_EMULATED
#include "emulator.hpp"
#else
#include <cuda_runtime_api.h>

#include "support/skip.hpp"
#endif

namespace backlight::test {

#ifdef BACKLIGHT_CUDA_EMULATED

inline constexpr bool kEmulated = true;

#ifdef __SANITIZE_THREAD__
inline constexpr bool kEveryMode = false;  // races show in any one order
#else
inline constexpr bool kEveryMode = true;
#endif

/// The first mistake since the last call, in words; empty when there was none.
inline std::string device_report() { return emulator::take_report(); }

/// What was created on the device and not released; empty when there is nothing.
inline std::string device_leaks() { return emulator::leak_report(); }

/// On so many devices. After each mode nothing may be left and nothing reported.
template <class Body>
void in_every_mode(Body&& body, int devices = 1) {
  using namespace emulator;
  for (const Streams streams : {Streams::eager, Streams::deferred}) {
    for (const auto& [order, seed] :
         {std::pair{Order::forward, 1u}, {Order::reverse, 1u}, {Order::shuffled, 3u}}) {
      if (!kEveryMode && (streams == Streams::eager || order != Order::reverse)) continue;
      CAPTURE(static_cast<int>(streams));
      CAPTURE(static_cast<int>(order));
      reset();
      options() = {.order = order, .seed = seed, .streams = streams, .devices = devices};
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

/// One whose streams work only when something waits for them.
inline FreshDevice deferred_device() { return FreshDevice({.streams = emulator::Streams::deferred}); }

/// Runs the body with all plans of cuDNN's, and once more with convolutions alone.
template <class Body>
void with_and_without_fused_plans(Body&& body) {
  for (const emulator::Plans offered : {emulator::Plans::all, emulator::Plans::unfused}) {
    const FreshDevice device({.plans = offered});
    body();
  }
}

#else

// The GPU's side of the same. Leaks are compute-sanitizer's to find: streams, plans and pools keep memory on
// purpose.

inline constexpr bool kEmulated = false;

inline std::string device_report() {
  const cudaError_t status = cudaDeviceSynchronize();
  const cudaError_t earlier = cudaGetLastError();
  const cudaError_t error = status != cudaSuccess ? status : earlier;
  return error == cudaSuccess ? "" : cudaGetErrorString(error);
}

inline std::string device_leaks() { return ""; }

template <class Body>
void in_every_mode(Body&& body, int devices = 1) {
  int count = 0;
  cudaGetDeviceCount(&count);
  if (count < devices) return skip("there are not " + std::to_string(devices) + " GPUs");
  body();
  CHECK(device_report() == "");
}

struct FreshDevice {
  FreshDevice() = default;
  /// What a test provoked must not show in the next one.
  ~FreshDevice() { device_report(); }
  FreshDevice(const FreshDevice&) = delete;
  FreshDevice& operator=(const FreshDevice&) = delete;
};

inline FreshDevice deferred_device() { return FreshDevice(); }

template <class Body>
void with_and_without_fused_plans(Body&& body) {
  body();
}

#endif

}  // namespace backlight::test
