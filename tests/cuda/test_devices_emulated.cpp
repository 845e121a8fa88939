// What of several devices only the emulator shows: a device that is lost, and which of them have been used.
#include <doctest/doctest.h>

#include <vector>

#include "cuda_device.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/launch.hpp"
#include "modes.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

__global__ void write_one(float* x) { *x = 1; }

}  // namespace

TEST_CASE("devices: tensors may go when a kernel has failed and the device is lost") {
  const FreshDevice fresh({.devices = 2});
  {
    Context one(cuda_device(1), 1);
    Tensor tensor = one.zeros({100});
    float host = 0;
    CHECK_THROWS_AS(
        {
          CUDA_CHECK(cuda::launch(write_one, 1, 1, 0, one.stream().get(), &host));
          one.synchronize();
        },
        Error);
    CHECK_THROWS_AS((void)one.empty({1}), Error);
    tensor = Tensor();
    CHECK(one.memory().bytes_in_use() == 0);
  }
  CHECK(emulator::take_report() == "kernel argument 0 is a host pointer or a block that was freed");
}

TEST_CASE("devices: one that is not there is refused with the number of those that are") {
  const FreshDevice fresh({.devices = 2});
  CHECK_THROWS_WITH_AS(Context(cuda_device(2), 1),
                       "device cuda:2 was asked for, but this machine has 2 CUDA devices", Error);
  CHECK(Context(cuda_device(1), 1).device() == cuda_device(1));
}

TEST_CASE("devices: listing them uses none and leaves the current one") {
  const FreshDevice fresh({.memory_bytes = std::size_t{3} << 30, .devices = 3});
  const cuda::Devices all = cuda::devices();
  CHECK(emulator::devices_in_use().empty());
  REQUIRE(all.found.size() == 3);
  for (int i = 0; i < 3; ++i) {
    CHECK(all.found[static_cast<std::size_t>(i)].index == i);
    CHECK(all.found[static_cast<std::size_t>(i)].memory_bytes == std::size_t{3} << 30);
  }
  CHECK(all.found[0].multiprocessors != all.found[1].multiprocessors);
  const Context two(cuda_device(2), 1);
  two.synchronize();
  (void)cuda::devices();
  int current = -1;
  CHECK(cudaGetDevice(&current) == cudaSuccess);
  CHECK(current == 2);
  CHECK(emulator::devices_in_use() == std::vector<int>{2});
}
