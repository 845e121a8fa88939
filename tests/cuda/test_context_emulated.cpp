// What of test_context.cpp asks the emulator: a device that is lacking or full, and whether anything ran
// there.
#include <array>
#include <bit>
#include <optional>
#include <string>

#include "cuda_device.hpp"
#include "engine/explain/probe.hpp"
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
#include "support/residual_network.hpp"

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

TEST_CASE("replays: a question for whose recording memory lacks is answered step by step") {
  struct Answer {
    Tensor gradient;
    std::size_t kept;  ///< bytes of the device, by its graph or by the context
  };
  const auto used = [] {
    std::size_t free = 0, total = 0;
    REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
    return total - free;
  };
  // Of a forward that is replayed already, on a device with so many bytes left; nothing where they do not do.
  const auto ask = [&](std::size_t spare) -> std::optional<Answer> {
    const FreshDevice device;
    Context context(kCudaDevice, 1);
    Network network = residual_network();
    network.to(context);
    Programs programs(network);
    Replays replays(programs, context);
    const Tensor x = random_tensor({1, 3, 32, 32}, "replay.lacking");
    const std::vector<NodeId> layers{network.find("layer1.0.relu_1")};
    { const Probe first(replays, x.clone(), layers, true); }
    Probe probe(replays, x.clone(), layers, true);
    context.synchronize();
    const std::size_t before = used();
    emulator::options().memory_bytes = before + spare;
    try {
      Tensor gradient = probe.gradient(network.input(), {.classes = {1}}, BackwardRule::guided).clone();
      context.synchronize();
      return Answer{std::move(gradient), used() - before};
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::resources);
      return std::nullopt;
    }
  };
  const Answer recorded = ask(std::size_t{1} << 30).value();
  int step_by_step = 0;
  for (std::size_t spare = recorded.kept; spare > 1024; spare -= 1024) {
    const std::optional<Answer> answer = ask(spare);
    if (!answer) break;
    CHECK(same_bits(answer->gradient, recorded.gradient));
    step_by_step += answer->kept < recorded.kept;
  }
  CHECK(step_by_step > 0);
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
