// What of test_context.cpp asks the emulator: a device that is lacking or full, and whether anything ran
// there.
#include <array>
#include <bit>
#include <string>

#include "cuda_device.hpp"
#include "engine/graph/network.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "errors.hpp"
#include "kernels/conv2d/conv2d_layer.hpp"
#include "kernels/dispatch.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("context: a device that is not there is refused by name") {
  CHECK(contains(error_of(ErrorKind::resources, [] { Context(Device::parse("cuda:1"), 1); }),
                 "cuda:1 was asked for, but this machine has 1 CUDA device"));
}

TEST_CASE("context: a machine without a device says so") {
  const FreshDevice none({.devices = 0});
  CHECK(contains(error_of(ErrorKind::resources, [] { const Context context(kCudaDevice, 1); }),
                 "no CUDA device can be used: "));
  const cuda::Devices all = cuda::devices();
  CHECK(all.build == cuda::Build::emulated);
  CHECK(all.found.empty());
  CHECK(!all.obstacle.empty());
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("context: running out of device memory is an error that names the call") {
  const FreshDevice device({.memory_bytes = 1000});
  const Context context(kCudaDevice, 1);
  const std::string what = error_of(ErrorKind::resources, [&] { (void)context.empty({1000}); });
  CHECK(contains(what, "cudaMallocFromPoolAsync"));
  CHECK(contains(what, "cudaErrorMemoryAllocation"));
  CHECK(contains(what, "stream.cpp:"));
  CHECK(context.empty({10}).defined());
}

TEST_CASE("network: where the device has no room for all of its parameters none has moved") {
  const FreshDevice device({.memory_bytes = 2000});
  const Context context(kCudaDevice, 1);
  Network network(3);
  network.add("small", conv2d(3, 4, {.kernel = 1}));
  network.add("large", conv2d(4, 400, {.kernel = 3}));
  for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name);
  CHECK(contains(error_of(ErrorKind::resources, [&] { network.to(context); }), "cudaErrorMemoryAllocation"));
  for (const NamedParameter& p : network.parameters()) {
    CAPTURE(p.name);
    Tensor expected(p.tensor->shape());
    fill(expected, p.name);
    REQUIRE(p.tensor->on_host());
    CHECK(same_bits(*p.tensor, expected));
  }
}

TEST_CASE("dispatch: the CUDA table runs kernels on the device, the CPU's does not") {
  const FreshDevice device;
  const auto threads_of = [](const Device& where) {
    Context context(where, 1);
    Tensor x = context.zeros({1000}), y = context.zeros({1000});
    const std::uint64_t before = emulator::threads_run();
    dispatch(context, DType::f32, [&]<class T>(const Kernels<T>& k) {
      k.relu_forward(context, {1000, 6}, x.data<T>(), y.data<T>());
    });
    context.synchronize();
    return emulator::threads_run() - before;
  };
  CHECK(threads_of({}) == 0);
  CHECK(threads_of(kCudaDevice) >= 250);
}
