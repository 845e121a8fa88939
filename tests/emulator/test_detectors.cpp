// Every kind of mistake that the emulator finds without a sanitizer, each planted here and found. The
// mistakes that sanitizers find are in planted.cpp.
#include <string>
#include <vector>

#include "kernels/launch.hpp"
#include "modes.hpp"
#include "on_device.hpp"
#include "support/contains.hpp"
#include "support/skip.hpp"

using backlight::cuda::launch;
using namespace backlight::emulator;
using namespace backlight::test;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kUnderAddressSanitizer = true;
#else
constexpr bool kUnderAddressSanitizer = false;
#endif
#ifdef __SANITIZE_THREAD__
constexpr bool kUnderThreadSanitizer = true;
#else
constexpr bool kUnderThreadSanitizer = false;
#endif

/// Launches, waits, and returns the error that came of it, wherever it came.
template <class... P, class... A>
cudaError_t run(void (*kernel)(P...), dim3 grid, dim3 block, A... arguments) {
  const cudaError_t launched = launch(kernel, grid, block, 0, nullptr, arguments...);
  const cudaError_t finished = cudaDeviceSynchronize();
  return launched != cudaSuccess ? launched : finished;
}

__global__ void barrier_on_two_lines(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}
__global__ void shuffle_after_some_returned(float* out, unsigned leaves) {
  if (threadIdx.x % 32 == leaves) return;
  out[threadIdx.x] = __shfl_down_sync(0xffffffffu, 1.0f, 1);
}
__global__ void barrier_and_collective_wait_for_each_other(float* out) {
  if (threadIdx.x == 0)
    __syncwarp();
  else
    __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void different_collectives(float* out) {
  if (threadIdx.x < 16)
    out[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0);
  else
    out[threadIdx.x] = static_cast<float>(__ballot_sync(0xffffffffu, 1));
}
__global__ void not_in_its_own_mask(float* out) { out[threadIdx.x] = __shfl_sync(0x0000fffeu, 1.0f, 1); }
__global__ void write_at(float* out, int index) { out[index] = 7; }
__global__ void write_shared_at(float* out, int index) {
  SHARED(float, tile, [10]);
  tile[threadIdx.x] = 0;
  tile[index] = 7;
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void read_at(const float* x, float* out, int index) { *out = x[index]; }
__global__ void store4(float4* out) { out[threadIdx.x] = make_float4(1, 2, 3, 4); }
__global__ void too_much_shared_memory(float* out) {
  SHARED(float, large, [12289]);
  large[threadIdx.x] = 1;
  out[threadIdx.x] = large[threadIdx.x];
}
__global__ void set_all(float* out, float value) { out[threadIdx.x] = value; }
__global__ void reverse_without_barrier(const float* x, float* out) {
  SHARED(float, tile, [64]);
  tile[threadIdx.x] = x[threadIdx.x];
  out[threadIdx.x] = tile[63 - threadIdx.x];
}

/// Two devices, the first of them the current one, with a stream and memory of each one's pool.
struct TwoDevices {
  explicit TwoDevices(Streams streams = Streams::eager) : fresh({.streams = streams, .devices = 2}) {
    for (const int device : {1, 0}) {
      REQUIRE(cudaSetDevice(device) == cudaSuccess);
      REQUIRE(cudaStreamCreateWithFlags(&stream[device], cudaStreamNonBlocking) == cudaSuccess);
      REQUIRE(cudaMallocAsync(reinterpret_cast<void**>(&block[device]), 128, stream[device]) == cudaSuccess);
    }
  }

  FreshDevice fresh;
  cudaStream_t stream[2] = {};
  float* block[2] = {};
};

}  // namespace

TEST_CASE("detector: a divergent barrier is named with both lines") {
  const FreshDevice device;
  const OnDevice<float> out(64);
  CHECK(run(barrier_on_two_lines, 1, 64, out.data()) == cudaErrorLaunchFailure);
  const std::string report = take_report();
  CHECK(contains(report, "divergent barrier"));
  CHECK(contains(report, "test_detectors.cpp:"));
}

TEST_CASE("detector: a collective that names exited lanes is reported whichever comes first") {
  for (const Order order : {Order::forward, Order::reverse}) {
    for (const unsigned leaves : {0u, 31u}) {
      const FreshDevice device({.order = order});
      const OnDevice<float> out(32);
      CHECK(run(shuffle_after_some_returned, 1, 32, out.data(), leaves) == cudaErrorLaunchFailure);
      CHECK(contains(take_report(), "exited"));
    }
  }
}

TEST_CASE("detector: a deadlock ends and says who waits where") {
  const FreshDevice device;
  {
    const OnDevice<float> out(32);
    CHECK(run(barrier_and_collective_wait_for_each_other, 1, 32, out.data()) == cudaErrorLaunchFailure);
    const std::string report = take_report();
    CHECK(contains(report, "deadlock: 32 of 32 threads"));
    CHECK(contains(report, "in the collective at"));
    CHECK(contains(report, "in the barrier at"));
    CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
  }
  reset();
  const OnDevice<float> out(std::vector<float>(32, 0.0f));
  CHECK(run(set_all, 1, 32, out.data(), 3.0f) == cudaSuccess);
  CHECK(out.values()[31] == 3);
}

TEST_CASE("detector: lanes that meet in different collectives are reported") {
  const FreshDevice device;
  const OnDevice<float> out(32);
  CHECK(run(different_collectives, 1, 32, out.data()) == cudaErrorLaunchFailure);
  CHECK(contains(take_report(), "different collectives"));
}

TEST_CASE("detector: a lane outside of the mask it passes is reported") {
  const FreshDevice device;
  const OnDevice<float> out(32);
  CHECK(run(not_in_its_own_mask, 1, 16, out.data()) == cudaErrorLaunchFailure);
  CHECK(contains(take_report(), "lane 0 is not in the mask"));
}

TEST_CASE("detector: a host pointer given to a kernel is an illegal address") {
  const FreshDevice device;
  std::vector<float> host(32);
  CHECK(run(set_all, 1, 32, host.data(), 1.0f) == cudaErrorIllegalAddress);
  CHECK(contains(take_report(), "kernel argument 0 is a host pointer"));
}

TEST_CASE("detector: a block that was freed before the kernel ran is an illegal address") {
  const FreshDevice device({.streams = Streams::deferred});
  cudaStream_t first = nullptr, second = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking) == cudaSuccess);
  float* block = nullptr;
  REQUIRE(cudaMallocAsync(reinterpret_cast<void**>(&block), 128, first) == cudaSuccess);
  CHECK(launch(set_all, 1, 32, 0, second, block, 1.0f) == cudaSuccess);
  CHECK(cudaFreeAsync(block, first) == cudaSuccess);
  CHECK(cudaFreeAsync(block, first) == cudaErrorInvalidValue);
  CHECK(cudaStreamSynchronize(first) == cudaSuccess);
  CHECK(cudaStreamSynchronize(second) == cudaErrorIllegalAddress);
}

TEST_CASE("detector: an out-of-bounds write to global memory is found by the red zones") {
  if (kUnderAddressSanitizer) return skip("AddressSanitizer stops at the write itself");
  for (const int index : {100, 130, -1, -60}) {
    const FreshDevice device;
    const OnDevice<float> out(100);
    CHECK(run(write_at, 1, 1, out.data(), index) == cudaErrorIllegalAddress);
    CHECK(contains(take_report(), index < 0 ? "bytes before a device block of 400"
                                            : "past the end of a device block of 400"));
  }
}

TEST_CASE("detector: an out-of-bounds write to shared memory names the array") {
  if (kUnderAddressSanitizer) return skip("AddressSanitizer stops at the write itself");
  const FreshDevice device;
  const OnDevice<float> out(10);
  CHECK(run(write_shared_at, 1, 10, out.data(), 10) == cudaErrorLaunchFailure);
  CHECK(contains(take_report(), "past the end of 'tile'"));
}

TEST_CASE("detector: an out-of-bounds read gives NaN") {
  if (kUnderAddressSanitizer) return skip("AddressSanitizer stops at the read itself");
  const FreshDevice device;
  const OnDevice<float> x(std::vector<float>(100, 1.0f)), out(1);
  CHECK(run(read_at, 1, 1, x.data(), out.data(), 100) == cudaSuccess);
  CHECK(out.values()[0] != out.values()[0]);
}

TEST_CASE("detector: a misaligned vector pointer is reported") {
  const FreshDevice device;
  const OnDevice<float> out(9);
  CHECK(run(store4, 1, 2, reinterpret_cast<float4*>(out.data() + 1)) == cudaErrorMisalignedAddress);
  CHECK(contains(take_report(), "kernel argument 0 is misaligned: 16 bytes"));
}

TEST_CASE("detector: more than 48 KiB of shared arrays are reported") {
  const FreshDevice device;
  const OnDevice<float> out(1);
  CHECK(run(too_much_shared_memory, 1, 1, out.data()) == cudaErrorLaunchFailure);
  CHECK(contains(take_report(), "exceed 48 KiB at 'large'"));
}

TEST_CASE("detector: what is not released is listed as a leak") {
  const FreshDevice device;
  CHECK(leak_report() == "");
  void* block = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  REQUIRE(cudaMalloc(&block, 123) == cudaSuccess);
  REQUIRE(cudaStreamCreate(&stream) == cudaSuccess);
  REQUIRE(cudaEventCreate(&event) == cudaSuccess);
  CHECK(leak_report() == "1 blocks of device memory (123 bytes), 1 streams, 1 events");
}

TEST_CASE("detector: a result read before synchronising is NaN in deferred streams") {
  float seen[2] = {};
  for (const Streams streams : {Streams::eager, Streams::deferred}) {
    const FreshDevice device({.streams = streams});
    cudaStream_t stream = nullptr;
    float* pinned = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), 4) == cudaSuccess);
    const OnDevice<float> x(1);
    CHECK(launch(set_all, 1, 1, 0, stream, x.data(), 5.0f) == cudaSuccess);
    CHECK(cudaMemcpyAsync(pinned, x.data(), 4, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
    seen[static_cast<int>(streams)] = *pinned;
  }
  CHECK(seen[0] == 5);
  CHECK(seen[1] != seen[1]);
}

TEST_CASE("detector: pinned memory that is used again too early gives the later value in deferred streams") {
  float seen[2] = {};
  for (const Streams streams : {Streams::eager, Streams::deferred}) {
    const FreshDevice device({.streams = streams});
    cudaStream_t stream = nullptr;
    float* pinned = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), 4) == cudaSuccess);
    const OnDevice<float> x(1);
    *pinned = 1;
    CHECK(cudaMemcpyAsync(x.data(), pinned, 4, cudaMemcpyHostToDevice, stream) == cudaSuccess);
    *pinned = 2;
    CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
    seen[static_cast<int>(streams)] = x.values()[0];
  }
  CHECK(seen[0] == 1);
  CHECK(seen[1] == 2);
}

TEST_CASE("detector: a missing barrier changes the result in some thread order") {
  if (kUnderThreadSanitizer) return skip("ThreadSanitizer reports the race itself");
  std::vector<float> x(64), expected(64);
  for (std::size_t i = 0; i < 64; ++i) x[i] = expected[63 - i] = static_cast<float>(i);
  int wrong = 0;
  for (const Order order : {Order::forward, Order::reverse, Order::shuffled}) {
    const FreshDevice device({.order = order});
    const OnDevice<float> dx(x), out(64);
    CHECK(run(reverse_without_barrier, 1, 64, dx.data(), out.data()) == cudaSuccess);
    wrong += out.values() != expected;
  }
  CHECK(wrong == 3);
}

TEST_CASE("detector: allocation during a capture is refused and spoils the capture") {
  for (const bool stream_ordered : {false, true}) {
    const FreshDevice device;
    cudaStream_t stream = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    void* block = nullptr;
    CHECK((stream_ordered ? cudaMallocAsync(&block, 64, stream) : cudaMalloc(&block, 64)) ==
          cudaErrorStreamCaptureUnsupported);
    CHECK(contains(take_report(), stream_ordered ? "stream-ordered allocation while" : "cudaMalloc while"));
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
  }
}

TEST_CASE("detector: a fork that is not joined again spoils the capture") {
  const FreshDevice device;
  cudaStream_t main = nullptr, side = nullptr;
  cudaEvent_t forked = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&main, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&forked, cudaEventDisableTiming) == cudaSuccess);
  const OnDevice<float> x(1);
  REQUIRE(cudaStreamBeginCapture(main, cudaStreamCaptureModeGlobal) == cudaSuccess);
  CHECK(launch(set_all, 1, 1, 0, main, x.data(), 1.0f) == cudaSuccess);
  CHECK(cudaEventRecord(forked, main) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(side, forked) == cudaSuccess);
  CHECK(launch(set_all, 1, 1, 0, side, x.data(), 2.0f) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(main, &graph) == cudaErrorStreamCaptureUnjoined);
}

TEST_CASE("detector: a dependency that a graph lacks shows in some order") {
  bool seen[2] = {};
  for (const Order order : {Order::forward, Order::reverse}) {
    const FreshDevice device({.order = order});
    cudaStream_t main = nullptr, side = nullptr;
    cudaEvent_t forked = nullptr, joined = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&main, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&forked, cudaEventDisableTiming) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&joined, cudaEventDisableTiming) == cudaSuccess);
    const OnDevice<float> x(1), y(1);
    REQUIRE(cudaStreamBeginCapture(main, cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(cudaEventRecord(forked, main) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(side, forked) == cudaSuccess);
    CHECK(launch(set_all, 1, 1, 0, side, x.data(), 4.0f) == cudaSuccess);
    CHECK(cudaEventRecord(joined, side) == cudaSuccess);
    CHECK(launch(read_at, 1, 1, 0, main, x.data(), y.data(), 0) ==
          cudaSuccess);  // should come after the join
    CHECK(cudaStreamWaitEvent(main, joined) == cudaSuccess);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaStreamEndCapture(main, &graph) == cudaSuccess);
    REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
    CHECK(cudaGraphLaunch(executable, main) == cudaSuccess);
    CHECK(cudaStreamSynchronize(main) == cudaSuccess);
    seen[order == Order::reverse] = y.values()[0] == 4;
  }
  CHECK(seen[0]);
  CHECK(!seen[1]);
}

TEST_CASE("detector: copies that run over a block or go the wrong way are refused") {
  const FreshDevice device;
  const OnDevice<float> x(4);
  float host[8] = {};
  CHECK(cudaMemcpy(x.data(), host, 17, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "past the end of its destination"));
  CHECK(cudaMemcpy(host, x.data() + 2, 12, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "past the end of its source"));
  CHECK(cudaMemcpy(host, x.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "direction"));
  CHECK(cudaMemset(host, 0, 4) == cudaErrorInvalidValue);
  CHECK(cudaFree(host) == cudaErrorInvalidValue);
}

TEST_CASE("detector: a kernel in a stream of a device that is not the current one is refused") {
  const TwoDevices two;
  CHECK(launch(set_all, 1, 32, 0, two.stream[1], two.block[1], 1.0f) == cudaErrorInvalidResourceHandle);
  CHECK(take_report() == "a kernel was launched in a stream of device 1 while device 0 is the current one");
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(launch(set_all, 1, 32, 0, two.stream[1], two.block[1], 1.0f) == cudaSuccess);
  CHECK(take_report() == "");
}

TEST_CASE("detector: a kernel that is given memory of another device is an illegal address") {
  const TwoDevices two;
  CHECK(launch(set_all, 1, 32, 0, two.stream[0], two.block[1], 1.0f) == cudaErrorIllegalAddress);
  CHECK(
      take_report() ==
      "kernel argument 0 lies in the memory of device 1, which device 0 does not reach without peer access");
}

TEST_CASE("detector: cudaMemset of another device's memory is refused") {
  const TwoDevices two;
  CHECK(cudaMemsetAsync(two.block[0], 0, 128, two.stream[1]) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "lies in the memory of device 0, which device 1 does not reach"));
  CHECK(cudaMemsetAsync(two.block[0], 0, 128, two.stream[0]) == cudaSuccess);
}

TEST_CASE("detector: freeing in a stream of another device is refused") {
  const TwoDevices two;
  CHECK(cudaFreeAsync(two.block[0], two.stream[1]) == cudaErrorInvalidValue);
  CHECK(take_report() == "cudaFreeAsync of a block of device 0 in a stream of device 1");
  CHECK(cudaFreeAsync(two.block[0], two.stream[0]) == cudaSuccess);
}

TEST_CASE("detector: events of two devices are not mixed") {
  const TwoDevices two;
  cudaEvent_t event[2] = {};
  for (const int device : {0, 1}) {
    REQUIRE(cudaSetDevice(device) == cudaSuccess);
    REQUIRE(cudaEventCreate(&event[device]) == cudaSuccess);
    CHECK(cudaEventRecord(event[device], two.stream[device]) == cudaSuccess);
  }
  CHECK(cudaEventRecord(event[0], two.stream[1]) == cudaErrorInvalidResourceHandle);
  CHECK(take_report() == "an event of device 0 was recorded in a stream of device 1");
  float milliseconds = 0;
  CHECK(cudaEventElapsedTime(&milliseconds, event[0], event[1]) == cudaErrorInvalidResourceHandle);
  CHECK(take_report() == "the time between an event of device 0 and one of device 1");
}

TEST_CASE("detector: copies between devices name their devices where the memory is a pool's") {
  const TwoDevices two;
  const std::vector<float> host(32, 3.0f);
  REQUIRE(cudaMemcpy(two.block[0], host.data(), 128, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemcpyAsync(two.block[1], two.block[0], 128, cudaMemcpyDeviceToDevice, two.stream[1]) ==
        cudaErrorInvalidValue);
  CHECK(contains(take_report(), "in which device 1 takes part while device 0 is the current one"));
  CHECK(cudaMemcpyPeerAsync(two.block[1], 0, two.block[0], 1, 128, two.stream[1]) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "the pointers lie on devices 0 and 1"));
  CHECK(cudaMemcpyPeerAsync(two.block[1], 1, two.block[0], 0, 132, two.stream[1]) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "past the end of its destination"));
  CHECK(cudaMemcpyPeerAsync(two.block[1], 1, two.block[0], 2, 128, two.stream[1]) == cudaErrorInvalidDevice);
  CHECK(cudaMemcpyPeerAsync(two.block[1], 1, two.block[0], 0, 128, two.stream[1]) == cudaSuccess);
  CHECK(cudaStreamSynchronize(two.stream[1]) == cudaSuccess);
  CHECK(two.block[1][31] == 3);
}

TEST_CASE("detector: a pool's memory is not copied to the host while another device is the current one") {
  const TwoDevices two;
  float host[32] = {};
  CHECK(cudaMemcpyAsync(host, two.block[1], 128, cudaMemcpyDeviceToHost, two.stream[1]) ==
        cudaErrorInvalidValue);
  CHECK(contains(take_report(), "in which device 1 takes part while device 0 is the current one"));
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaMemcpyAsync(host, two.block[1], 128, cudaMemcpyDeviceToHost, two.stream[1]) == cudaSuccess);
}

TEST_CASE("detector: waiting for one device does not wait for another") {
  const TwoDevices two(Streams::deferred);
  CHECK(launch(set_all, 1, 32, 0, two.stream[0], two.block[0], 5.0f) == cudaSuccess);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(two.block[0][0] != two.block[0][0]);
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(two.block[0][0] == 5);
}

TEST_CASE("detector: a limit on shared memory that was raised on one device is not on another") {
  const TwoDevices two;
  const auto kernel = reinterpret_cast<const void*>(set_all);
  REQUIRE(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100000) == cudaSuccess);
  CHECK(launch(set_all, 1, 32, 100000, two.stream[0], two.block[0], 1.0f) == cudaSuccess);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(launch(set_all, 1, 32, 100000, two.stream[1], two.block[1], 1.0f) == cudaErrorInvalidValue);
  CHECK(contains(take_report(), "100000 bytes of dynamic shared memory, but the kernel may have 49152"));
}
