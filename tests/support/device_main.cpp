// The main of the tests that link the library. Where BACKLIGHT_TEST_DEVICE names a CUDA device and this
// machine has none, nothing runs, and ctest shows the tests as skipped.
#include <doctest/doctest.h>

#include "engine/runtime/cuda/devices.hpp"
#include "support/device.hpp"
#include "support/skip.hpp"

int main(int argc, char** argv) {
  using namespace backlight;
  if (test::test_device().kind == Device::Kind::cuda) {
    const cuda::Devices devices = cuda::devices();
    if (devices.found.empty()) {
      test::skip("no CUDA device: " + devices.obstacle);
      return 0;
    }
  }
  return doctest::Context(argc, argv).run();
}
