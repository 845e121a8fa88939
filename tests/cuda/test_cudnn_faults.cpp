// Mistakes in the memory of a plan, each planted, which the emulated cuDNN must find.
#include <string>

#include "engine/runtime/cuda/stream.hpp"
#include "kernels/conv2d/plan_cuda.hpp"
#include "modes.hpp"
#include "on_device.hpp"
#include "support/contains.hpp"

using namespace backlight;
using namespace backlight::test;
using cuda::ConvTensor;

namespace {

/// A 1×1 convolution of 4×4 in 2 channels to 2, ready to run.
struct Ready {
  explicit Ready(emulator::Streams streams = emulator::Streams::eager)
      : device({.streams = streams, .devices = 2}) {}

  void execute(const void* image, void* scratch) {
    cuda::execute(plan, cudnn.handle(),
                  {{ConvTensor::x, image}, {ConvTensor::w, w.data()}, {ConvTensor::y, y.data()}}, scratch);
  }
  /// What is reported when the plan runs; the call itself may throw, as a later one would.
  std::string report_of(const void* image, void* scratch) {
    CHECK_THROWS_AS(
        {
          execute(image, scratch);
          context.synchronize();
        },
        Error);
    return emulator::take_report();
  }

  FreshDevice device;
  Context context{Device::parse("cuda"), 1};
  cuda::Cudnn& cudnn = context.stream().part<cuda::Cudnn>();
  cuda::ConvProblem problem{.params = {.in_channels = 2,
                                       .in_height = 4,
                                       .in_width = 4,
                                       .out_channels = 2,
                                       .out_height = 4,
                                       .out_width = 4}};
  cuda::ConvPlan plan = std::move(cuda::conv_plans(problem, cudnn.device(), 1 << 20, 1).at(0));
  OnDevice<float> x{std::vector<float>(32, 1.0f)}, w{std::vector<float>(4, 1.0f)}, y{32};
  OnDevice<std::byte> workspace{plan.workspace_bytes};
};

}  // namespace

TEST_CASE("cudnn's memory: without a mistake there is nothing to report") {
  Ready ready;
  ready.execute(ready.x.data(), ready.workspace.data());
  ready.context.synchronize();
  CHECK(emulator::take_report() == "");
  CHECK(ready.y.values() == std::vector<float>(32, 2.0f));
}

TEST_CASE("cudnn's memory: a host pointer is found") {
  Ready ready;
  const std::vector<float> host(32);
  CHECK(contains(ready.report_of(host.data(), ready.workspace.data()), "tensor 120 is no device memory"));
}

TEST_CASE("cudnn's memory: a block that is too small is found") {
  Ready ready;
  const OnDevice<float> small(31);
  CHECK(contains(ready.report_of(small.data(), ready.workspace.data()), "of 128 bytes goes past the end"));
}

TEST_CASE("cudnn's memory: less alignment than was promised is found") {
  Ready ready;
  const OnDevice<float> larger(40);
  CHECK(contains(ready.report_of(larger.data() + 1, ready.workspace.data()), "is not aligned to 16 bytes"));
}

TEST_CASE("cudnn's memory: a workspace that is missing or too small is found") {
  for (const bool missing : {true, false}) {
    Ready ready;
    const OnDevice<std::byte> small(10);
    CHECK(contains(ready.report_of(ready.x.data(), missing ? nullptr : small.data()),
                   "workspace is not 1000 bytes of device memory"));
  }
}

TEST_CASE("cudnn's memory: a block that is freed before the plan has run is found") {
  Ready ready(emulator::Streams::deferred);
  cudaStream_t other = nullptr;
  void* gone = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaMallocAsync(&gone, 32 * sizeof(float), other) == cudaSuccess);
  ready.execute(gone, ready.workspace.data());
  REQUIRE(cudaFreeAsync(gone, other) == cudaSuccess);
  REQUIRE(cudaStreamSynchronize(other) == cudaSuccess);
  CHECK_THROWS_AS(ready.context.synchronize(), Error);
  CHECK(contains(emulator::take_report(), "is no device memory, or was freed"));
  CHECK(cudaStreamDestroy(other) == cudaSuccess);
}

TEST_CASE("cudnn's memory: a block of another device is found") {
  Ready ready;
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  const OnDevice<float> x(std::vector<float>(32, 1.0f));
  CHECK(contains(ready.report_of(x.data(), ready.workspace.data()),
                 "tensor 120 lies in the memory of device 1, which device 0 does not reach"));
}

TEST_CASE("cudnn's memory: a workspace of another device is found") {
  Ready ready;
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  const OnDevice<std::byte> workspace(ready.plan.workspace_bytes);
  CHECK(contains(ready.report_of(ready.x.data(), workspace.data()),
                 "workspace lies in the memory of device 1, which device 0 does not reach"));
}

TEST_CASE("cudnn: a handle serves the device that was the current one when it was made") {
  Ready ready;
  const cudnnHandle_t handle = ready.cudnn.handle();
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK_THROWS_WITH_AS(cuda::execute(ready.plan, handle, {{ConvTensor::x, ready.x.data()}}, nullptr),
                       doctest::Contains("of device 0 was used while device 1 is the current one"), Error);
  cudaStream_t there = nullptr;
  REQUIRE(cudaStreamCreate(&there) == cudaSuccess);
  CHECK(cudnnSetStream(handle, there) == CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH);
  CHECK(cudaStreamDestroy(there) == cudaSuccess);
  ready.execute(ready.x.data(), ready.workspace.data());
  CHECK(ready.y.values() == std::vector<float>(32, 2.0f));
}

TEST_CASE("cudnn's memory: the workspace is overwritten by every run") {
  Ready ready;
  REQUIRE(cudaMemset(ready.workspace.data(), 0, ready.plan.workspace_bytes) == cudaSuccess);
  ready.execute(ready.x.data(), ready.workspace.data());
  ready.context.synchronize();
  CHECK(ready.workspace.values() == std::vector<std::byte>(ready.plan.workspace_bytes, std::byte{0xFF}));
}

TEST_CASE("cudnn: a tensor that the variant pack lacks is refused") {
  Ready ready;
  CHECK_THROWS_WITH_AS(
      cuda::execute(ready.plan, ready.cudnn.handle(), {{ConvTensor::x, ready.x.data()}}, nullptr),
      doctest::Contains("lacks a tensor of the plan"), Error);
}

TEST_CASE("cudnn: a graph that the library has no pattern for gets no plan") {
  Ready ready;
  cuda::ConvProblem problem = ready.problem;
  problem.relu = true;  // without a bias
  CHECK(cuda::conv_plans(problem, ready.cudnn.device(), 1 << 20, 10).empty());
  problem = ready.problem;
  problem.direction = cuda::ConvDirection::backward_data;
  problem.bias = true;
  CHECK(cuda::conv_plans(problem, ready.cudnn.device(), 1 << 20, 10).empty());
}
