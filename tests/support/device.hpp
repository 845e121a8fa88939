// The device that the tests of the suite "device" run on: BACKLIGHT_TEST_DEVICE, or the CPU.
#pragma once

#include "engine/run/run.hpp"

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
/// another order, and a GPU's cuDNN and cuBLAS in orders of their own. TF32, by mistake, would be 5e-4 off.
double tolerance_on(const Device& device, double on_cpu);

/// Whether two results on test_device() agree that are one computation by different calls: an image alone and
/// in a batch, a layer fused with the next one and not. On the CPU and the emulated device to the bit, since
/// every kernel of ours treats an image the same wherever it stands. cuDNN and cuBLAS choose an algorithm per
/// shape and promise no such thing: on a GPU the results agree within tolerance_on.
bool same_result(const Tensor& a, const Tensor& b);

}  // namespace backlight::test
