// The emulated runtime: memory, streams, events, graphs.
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include "kernels/launch.hpp"
#include "modes.hpp"
#include "on_device.hpp"

using backlight::cuda::launch;
using namespace backlight::emulator;
using namespace backlight::test;

namespace {

__global__ void multiply_add(float* x, int count, float factor, float term) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) x[i] = x[i] * factor + term;
}
__global__ void add_to(const float* x, float* y, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] += x[i];
}

struct Stream {
  cudaStream_t handle = nullptr;
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(handle); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};
struct Event {
  cudaEvent_t handle = nullptr;
  explicit Event(unsigned flags = cudaEventDisableTiming) {
    REQUIRE(cudaEventCreateWithFlags(&handle, flags) == cudaSuccess);
  }
  ~Event() { cudaEventDestroy(handle); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
};
struct Pinned {
  float* data = nullptr;
  explicit Pinned(std::size_t count) {
    REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&data), count * sizeof(float)) == cudaSuccess);
  }
  ~Pinned() { cudaFreeHost(data); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
};

}  // namespace

TEST_CASE("runtime: new memory is NaN and aligned to 256 bytes") {
  in_every_mode([] {
    const OnDevice<float> x(5);
    CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 256 == 0);
    for (const float value : x.values()) CHECK(std::isnan(value));
  });
}

TEST_CASE("runtime: running out of memory is an error that names no culprit and does no harm") {
  const FreshDevice device({.memory_bytes = 1000});
  void* first = nullptr;
  void* second = nullptr;
  CHECK(cudaMalloc(&first, 600) == cudaSuccess);
  CHECK(cudaMalloc(&second, 600) == cudaErrorMemoryAllocation);
  CHECK(second == nullptr);
  std::size_t free_bytes = 0, total_bytes = 0;
  CHECK(cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess);
  CHECK(free_bytes == 400);
  CHECK(total_bytes == 1000);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(cudaFree(first) == cudaSuccess);
}

TEST_CASE("runtime: pinned copies and kernels of one stream run in order") {
  in_every_mode([] {
    const Stream stream;
    const Pinned staging(100);
    float* x = nullptr;
    REQUIRE(cudaMallocAsync(reinterpret_cast<void**>(&x), 400, stream.handle) == cudaSuccess);
    for (int i = 0; i < 100; ++i) staging.data[i] = static_cast<float>(i);
    CHECK(cudaMemcpyAsync(x, staging.data, 400, cudaMemcpyHostToDevice, stream.handle) == cudaSuccess);
    CHECK(launch(multiply_add, 1, 128, 0, stream.handle, x, 100, 2, 1) == cudaSuccess);
    CHECK(launch(multiply_add, 1, 128, 0, stream.handle, x, 100, 3, 0) == cudaSuccess);
    CHECK(cudaMemcpyAsync(staging.data, x, 400, cudaMemcpyDeviceToHost, stream.handle) == cudaSuccess);
    CHECK(cudaFreeAsync(x, stream.handle) == cudaSuccess);
    CHECK(cudaStreamSynchronize(stream.handle) == cudaSuccess);
    for (int i = 0; i < 100; ++i) CHECK(staging.data[i] == 3 * (2 * static_cast<float>(i) + 1));
  });
}

TEST_CASE("runtime: deferred work waits until somebody waits for it") {
  const FreshDevice device({.streams = Streams::deferred});
  const Stream stream;
  const Event event;
  const OnDevice<float> x(std::vector<float>(10, 1.0f));
  const Pinned result(10);
  CHECK(launch(multiply_add, 1, 32, 0, stream.handle, x.data(), 10, 5, 0) == cudaSuccess);
  CHECK(cudaEventRecord(event.handle, stream.handle) == cudaSuccess);
  CHECK(cudaMemcpyAsync(result.data, x.data(), 40, cudaMemcpyDeviceToHost, stream.handle) == cudaSuccess);
  CHECK(cudaStreamQuery(stream.handle) == cudaErrorNotReady);
  CHECK(cudaEventQuery(event.handle) == cudaErrorNotReady);
  CHECK(std::isnan(result.data[0]));
  CHECK(cudaEventSynchronize(event.handle) == cudaSuccess);
  CHECK(cudaEventQuery(event.handle) == cudaSuccess);
  CHECK(std::isnan(result.data[0]));
  CHECK(cudaStreamSynchronize(stream.handle) == cudaSuccess);
  CHECK(cudaStreamQuery(stream.handle) == cudaSuccess);
  CHECK(result.data[0] == 5);
}

TEST_CASE("runtime: a stream that waits for an event of another sees its results") {
  in_every_mode([] {
    const Stream producer, consumer;
    const Event produced;
    const OnDevice<float> x(std::vector<float>(10, 1.0f)), y(std::vector<float>(10, 0.0f));
    CHECK(launch(multiply_add, 1, 32, 0, producer.handle, x.data(), 10, 5, 0) == cudaSuccess);
    CHECK(cudaEventRecord(produced.handle, producer.handle) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(consumer.handle, produced.handle) == cudaSuccess);
    CHECK(launch(add_to, 1, 32, 0, consumer.handle, x.data(), y.data(), 10) == cudaSuccess);
    CHECK(cudaStreamSynchronize(consumer.handle) == cudaSuccess);
    CHECK(y.values()[9] == 5);
    CHECK(cudaStreamSynchronize(producer.handle) == cudaSuccess);
  });
}

TEST_CASE("runtime: a host function runs at its place in the stream") {
  in_every_mode([] {
    const Stream stream;
    const OnDevice<float> x(std::vector<float>{1});
    const Pinned seen(1);
    float observed = 0;
    struct Observation {
      const float* from;
      float* to;
    } observation{seen.data, &observed};
    CHECK(launch(multiply_add, 1, 1, 0, stream.handle, x.data(), 1, 0, 7) == cudaSuccess);
    CHECK(cudaMemcpyAsync(seen.data, x.data(), 4, cudaMemcpyDeviceToHost, stream.handle) == cudaSuccess);
    CHECK(cudaLaunchHostFunc(
              stream.handle,
              [](void* data) {
                const auto* o = static_cast<Observation*>(data);
                *o->to = *o->from;
              },
              &observation) == cudaSuccess);
    CHECK(launch(multiply_add, 1, 1, 0, stream.handle, x.data(), 1, 0, 8) == cudaSuccess);
    CHECK(cudaStreamSynchronize(stream.handle) == cudaSuccess);
    CHECK(observed == 7);
    CHECK(x.values()[0] == 8);
  });
}

TEST_CASE("runtime: events measure time in stream order") {
  const FreshDevice device;
  const Stream stream;
  const Event start(cudaEventDefault), end(cudaEventDefault), untimed;
  const OnDevice<float> x(std::vector<float>(1000, 1.0f));
  CHECK(cudaEventRecord(start.handle, stream.handle) == cudaSuccess);
  CHECK(launch(multiply_add, 8, 128, 0, stream.handle, x.data(), 1000, 1, 1) == cudaSuccess);
  CHECK(cudaEventRecord(end.handle, stream.handle) == cudaSuccess);
  CHECK(cudaEventSynchronize(end.handle) == cudaSuccess);
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, start.handle, end.handle) == cudaSuccess);
  CHECK(milliseconds > 0);
  CHECK(cudaEventElapsedTime(&milliseconds, start.handle, untimed.handle) == cudaErrorInvalidResourceHandle);
}

TEST_CASE("runtime: a captured fork and join replays on new data") {
  in_every_mode([] {
    const Stream main, side;
    const Event forked, joined;
    const OnDevice<float> x(std::vector<float>(50, 0.0f)), y(std::vector<float>(50, 0.0f)), sum(50);
    CHECK(cudaStreamBeginCapture(main.handle, cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(cudaMemsetAsync(sum.data(), 0, 200, main.handle) == cudaSuccess);
    CHECK(launch(multiply_add, 1, 64, 0, main.handle, x.data(), 50, 1, 1) == cudaSuccess);
    CHECK(cudaEventRecord(forked.handle, main.handle) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(side.handle, forked.handle) == cudaSuccess);
    CHECK(launch(multiply_add, 1, 64, 0, side.handle, y.data(), 50, 1, 10) == cudaSuccess);
    CHECK(cudaEventRecord(joined.handle, side.handle) == cudaSuccess);
    CHECK(launch(add_to, 1, 64, 0, main.handle, x.data(), sum.data(), 50) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(main.handle, joined.handle) == cudaSuccess);
    CHECK(launch(add_to, 1, 64, 0, main.handle, y.data(), sum.data(), 50) == cudaSuccess);
    cudaStreamCaptureStatus status{};
    CHECK(cudaStreamIsCapturing(side.handle, &status) == cudaSuccess);
    CHECK(status == cudaStreamCaptureStatusActive);
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaStreamEndCapture(main.handle, &graph) == cudaSuccess);
    CHECK(x.values()[0] == 0);
    std::size_t nodes = 0;
    CHECK(cudaGraphGetNodes(graph, nullptr, &nodes) == cudaSuccess);
    CHECK(nodes == 5);
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
    for (int replay = 1; replay <= 3; ++replay) {
      CHECK(cudaGraphLaunch(executable, main.handle) == cudaSuccess);
      CHECK(cudaStreamSynchronize(main.handle) == cudaSuccess);
      CHECK(sum.values()[49] == static_cast<float>(11 * replay));
    }
    CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
  });
}

TEST_CASE("runtime: the default stream and blocking streams wait for each other") {
  const FreshDevice device({.streams = Streams::deferred});
  cudaStream_t blocking = nullptr;
  REQUIRE(cudaStreamCreate(&blocking) == cudaSuccess);
  const OnDevice<float> x(std::vector<float>{1});
  CHECK(launch(multiply_add, 1, 1, 0, blocking, x.data(), 1, 2, 0) == cudaSuccess);
  CHECK(launch(multiply_add, 1, 1, 0, nullptr, x.data(), 1, 1, 3) == cudaSuccess);
  CHECK(launch(multiply_add, 1, 1, 0, blocking, x.data(), 1, 2, 0) == cudaSuccess);
  CHECK(x.values()[0] == 10);
  CHECK(cudaStreamDestroy(blocking) == cudaSuccess);
}

TEST_CASE("runtime: pointers tell where they point to") {
  const FreshDevice device;
  const OnDevice<float> x(4);
  const Pinned pinned(4);
  float local = 0;
  cudaPointerAttributes attributes{};
  CHECK(cudaPointerGetAttributes(&attributes, x.data() + 3) == cudaSuccess);
  CHECK(attributes.type == cudaMemoryTypeDevice);
  CHECK(cudaPointerGetAttributes(&attributes, pinned.data) == cudaSuccess);
  CHECK(attributes.type == cudaMemoryTypeHost);
  CHECK(cudaPointerGetAttributes(&attributes, &local) == cudaSuccess);
  CHECK(attributes.type == cudaMemoryTypeUnregistered);
}

TEST_CASE("runtime: a launch beyond the hardware's limits is refused") {
  const FreshDevice device;
  const OnDevice<float> x(4);
  const auto with = [&](dim3 grid, dim3 block, std::size_t shared_bytes) {
    return launch(multiply_add, grid, block, shared_bytes, nullptr, x.data(), 4, 1, 1);
  };
  CHECK(with(1, 1025, 0) == cudaErrorInvalidConfiguration);
  CHECK(with(0, 32, 0) == cudaErrorInvalidConfiguration);
  CHECK(with(dim3(1, 70000), 32, 0) == cudaErrorInvalidConfiguration);
  CHECK(with(1, dim3(1, 1, 65), 0) == cudaErrorInvalidConfiguration);
  CHECK(with(1, 32, 49153) == cudaErrorInvalidValue);
  const void* kernel = reinterpret_cast<const void*>(&multiply_add);
  CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100000) == cudaSuccess);
  CHECK(with(1, 32, 49153) == cudaSuccess);
  CHECK(with(1, 32, 100001) == cudaErrorInvalidValue);
  CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 240000) ==
        cudaErrorInvalidValue);
}

TEST_CASE("devices: each thread has a current device of its own") {
  const FreshDevice fresh({.devices = 2});
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  int mine = -1, others = -1;
  std::thread([&] { cudaGetDevice(&others); }).join();
  CHECK(cudaGetDevice(&mine) == cudaSuccess);
  CHECK(mine == 1);
  CHECK(others == 0);
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  CHECK(cudaGetDevice(&mine) == cudaSuccess);
  CHECK(mine == 1);
}

TEST_CASE("devices: memory belongs to the device on which it was allocated") {
  const FreshDevice fresh({.memory_bytes = 1 << 20, .devices = 2});
  const Pinned pinned(1);
  const OnDevice<float> zero(1000);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  const OnDevice<float> one(2000);
  cudaPointerAttributes attributes{};
  CHECK(cudaPointerGetAttributes(&attributes, zero.data() + 999) == cudaSuccess);
  CHECK(attributes.device == 0);
  CHECK(cudaPointerGetAttributes(&attributes, one.data()) == cudaSuccess);
  CHECK(attributes.device == 1);
  CHECK(attributes.type == cudaMemoryTypeDevice);
  CHECK(cudaPointerGetAttributes(&attributes, pinned.data) == cudaSuccess);
  CHECK(attributes.device == 0);
  CHECK(attributes.type == cudaMemoryTypeHost);
  std::size_t free_bytes = 0, total = 0;
  CHECK(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess);
  CHECK(total - free_bytes == 8000);
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess);
  CHECK(total - free_bytes == 4000);
}

TEST_CASE("devices: attributes and properties are asked for without using the device") {
  const FreshDevice fresh({.memory_bytes = 12345678, .devices = 2});
  cudaDeviceProp properties{};
  int zero = 0, one = 0;
  CHECK(cudaGetDeviceProperties(&properties, 1) == cudaSuccess);
  CHECK(properties.totalGlobalMem == 12345678);
  CHECK(cudaDeviceGetAttribute(&zero, cudaDevAttrMultiProcessorCount, 0) == cudaSuccess);
  CHECK(cudaDeviceGetAttribute(&one, cudaDevAttrMultiProcessorCount, 1) == cudaSuccess);
  CHECK(zero != one);
  CHECK(cudaGetDeviceProperties(&properties, 2) == cudaErrorInvalidDevice);
  CHECK(cudaDeviceGetAttribute(&one, cudaDevAttrMultiProcessorCount, 2) == cudaErrorInvalidDevice);
  CHECK(devices_in_use().empty());
  CHECK(cudaSetDevice(1) == cudaSuccess);
  CHECK(devices_in_use() == std::vector<int>{1});
}

TEST_CASE("devices: copies go from one to another and a stream waits for another device's event") {
  in_every_mode(
      [] {
        const Stream first;
        const Event ready;
        const OnDevice<float> x(std::vector<float>(50, 1.0f));
        REQUIRE(cudaSetDevice(1) == cudaSuccess);
        const Stream second;
        const OnDevice<float> y(50);
        REQUIRE(cudaSetDevice(0) == cudaSuccess);
        CHECK(launch(multiply_add, 1, 64, 0, first.handle, x.data(), 50, 2.0f, 5.0f) == cudaSuccess);
        CHECK(cudaEventRecord(ready.handle, first.handle) == cudaSuccess);
        REQUIRE(cudaSetDevice(1) == cudaSuccess);
        CHECK(cudaStreamWaitEvent(second.handle, ready.handle) == cudaSuccess);
        CHECK(cudaMemcpyAsync(y.data(), x.data(), 200, cudaMemcpyDefault, second.handle) == cudaSuccess);
        CHECK(launch(multiply_add, 1, 64, 0, second.handle, y.data(), 50, 10.0f, 0.0f) == cudaSuccess);
        CHECK(cudaStreamSynchronize(second.handle) == cudaSuccess);
        CHECK(y.values() == std::vector<float>(50, 70.0f));
        CHECK(x.values() == std::vector<float>(50, 7.0f));
      },
      2);
}

TEST_CASE("devices: each has a default stream of its own") {
  const FreshDevice fresh({.streams = Streams::deferred, .devices = 2});
  const OnDevice<float> x(std::vector<float>(1, 1.0f));
  CHECK(launch(multiply_add, 1, 1, 0, nullptr, x.data(), 1, 1.0f, 1.0f) == cudaSuccess);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaStreamSynchronize(nullptr) == cudaSuccess);
  CHECK(x.data()[0] == 1);
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaStreamSynchronize(nullptr) == cudaSuccess);
  CHECK(x.data()[0] == 2);
}

TEST_CASE("capture: in the mode of a thread others may allocate meanwhile") {
  for (const auto mode : {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal}) {
    const FreshDevice fresh({.devices = 2});
    const Stream stream;
    REQUIRE(cudaStreamBeginCapture(stream.handle, mode) == cudaSuccess);
    cudaError_t allocated = cudaErrorUnknown;
    std::thread([&] {
      void* block = nullptr;
      cudaSetDevice(1);
      allocated = cudaMalloc(&block, 64);
      cudaFree(block);
    }).join();
    const bool global = mode == cudaStreamCaptureModeGlobal;
    CHECK(allocated == (global ? cudaErrorStreamCaptureUnsupported : cudaSuccess));
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream.handle, &graph) ==
          (global ? cudaErrorStreamCaptureInvalidated : cudaSuccess));
    if (graph) CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  }
}
