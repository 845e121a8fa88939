// The device that the tests of the suite "device" run on: BACKLIGHT_TEST_DEVICE, or the CPU.
#pragma once

#include <algorithm>

#include "engine/pass.hpp"

namespace backlight::test {

Device test_device();

/// A context on that device.
Context test_context(int threads = 1);

/// The network with its parameters in the context's memory.
inline Network placed(Network network, const Context& context) {
  network.to(context);
  return network;
}

/// Gradients in the host's memory.
Gradients to_host(const Context& context, const Gradients& gradients);

/// What a result may differ by from one of the CPU, relative to its largest value: CUDA sums in float32, in
/// another order.
inline double tolerance_on(const Device& device, double on_cpu) {
  constexpr double kOnCuda = 1e-5;
  return device.kind == Device::Kind::cpu ? on_cpu : std::max(on_cpu, kOnCuda);
}

}  // namespace backlight::test
