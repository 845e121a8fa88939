// What of convolution by cuDNN only the emulated one shows: which plans it has, and what it refuses.
#include <sstream>
#include <string>

#include "conv2d_problem.hpp"
#include "cuda_device.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "kernels/conv2d/plans_cuda.hpp"
#include "kernels/linear/linear.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;
using emulator::Plans;

TEST_CASE("conv2d: cuDNN fuses a bias and an unbounded ReLU and nothing else") {
  const FreshDevice device;
  const ConvArrays c(kSmall);
  Context context(kCudaDevice, 1);
  Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), residual(context, c.residual);
  Guarded y(context, unwritten(c.outputs));
  /// Threads of our own kernels that one call runs: cuDNN's work is none.
  const auto threads_of = [&](const float* b, const Epilogue<float>& epilogue) {
    const std::uint64_t before = emulator::threads_run();
    cuda::conv2d_fused_forward(context, c.p, x.data(), w.data(), nullptr, b, epilogue, y.data());
    context.synchronize();
    return emulator::threads_run() - before;
  };
  CHECK(threads_of(bias.data(), {}) == 0);
  CHECK(threads_of(bias.data(), {nullptr, true}) == 0);
  CHECK(threads_of(bias.data(), {residual.data(), true}) == 0);
  CHECK(threads_of(nullptr, {}) == 0);
  CHECK(threads_of(bias.data(), {nullptr, true, 6}) == 256);
  CHECK(threads_of(nullptr, {residual.data(), true}) == 256);
}

TEST_CASE("conv2d: a problem is planned once") {
  const FreshDevice device;
  Context context(kCudaDevice, 1);
  const ConvArrays c(kSmall);
  CHECK(plans_of(context).size() == 0);
  error_of(context, c);
  CHECK(plans_of(context).size() == 3);
  error_of(context, c);
  CHECK(plans_of(context).size() == 3);
  Conv2dParams larger = kSmall;
  larger.batch = 3;
  error_of(context, ConvArrays(larger));
  CHECK(plans_of(context).size() == 6);
}

TEST_CASE("conv2d: strict plans use neither tensor cores nor atomics nor more workspace than there is") {
  const FreshDevice device;
  Context context(kCudaDevice, 1);
  const cuda::CudnnDescriptor& where = context.stream().part<cuda::Cudnn>().device();
  const auto engines = [&](const cuda::ConvProblem& problem) {
    std::vector<std::int64_t> all;
    for (const cuda::ConvPlan& plan : cuda::conv_plans(problem, where, 1 << 20, 100))
      all.push_back(plan.engine);
    return all;
  };
  CHECK(engines({.params = kSmall}) == std::vector<std::int64_t>{11, 10, 0});
  CHECK(engines({.params = kSmall, .precision = Precision::tf32}) ==
        std::vector<std::int64_t>{30, 31, 11, 10, 0});
  CHECK(cuda::conv_plans({.params = kSmall}, where, 1 << 20, 2).size() == 2);
  // An engine that refuses the problem when it is planned, here because of the padding, is passed over.
  Conv2dParams uneven = kSmall;
  uneven.pad_top = 0;
  CHECK(engines({.params = uneven}) == std::vector<std::int64_t>{10, 0});
}

TEST_CASE("conv2d: tuning passes over plans that fail and says why where all do") {
  const ConvArrays c(kSmall);
  {
    const FreshDevice device({.failing_engines = {11, 10}});
    Context context(kCudaDevice, 1);
    context.tune(true);
    CHECK(error_of(context, c) <= 1e-5);
    CHECK(plans_of(context).find(context, {.params = kSmall})->engine == 0);
  }
  const FreshDevice device({.failing_engines = {11, 10, 0}});
  Context context(kCudaDevice, 1);
  context.tune(true);
  const std::string what = message_of(ErrorKind::resources, [&] { error_of(context, c); });
  CHECK(what.find("engine 11 fails") != std::string::npos);
}

TEST_CASE("linear: where cuBLASLt has no algorithm the error says for what") {
  const FreshDevice device({.plans = Plans::none});
  Context context(kCudaDevice, 1);
  Guarded x(context, {1, 2, 3}), w(context, {1, 2, 3}), y(context, {0});
  const std::string what = message_of(ErrorKind::unsupported, [&] {
    cuda::linear_forward(context, {1, 3, 1}, x.data(), w.data(), nullptr, y.data());
  });
  CHECK(what.find("cuBLASLt has no algorithm for a product of 1×3 and 3×1 matrices") != std::string::npos);
}

TEST_CASE("conv2d: plans can be made for a device that is only described") {
  const FreshDevice device;
  const cuda::CudnnDescriptor described = cuda::cudnn_device("{\"deviceVer\": 900}");
  CHECK(cuda::conv_plans({.params = kSmall}, described, 1 << 20, 1).at(0).engine == 11);
}

TEST_CASE("conv2d: where cuDNN has no plan the error says for what") {
  const FreshDevice device({.plans = Plans::none});
  Context context(kCudaDevice, 1);
  Conv2dParams p = kSmall;
  p.stride_height = 2;
  p.out_height = 4;
  const ConvArrays c(p);
  const std::string what = message_of(ErrorKind::unsupported, [&] { error_of(context, c); });
  CHECK(what.find("[conv2d] cuDNN 91900 has no plan within 1024 MiB of workspace for forward of x 2×3×7×6, w "
                  "5×3×3×3, "
                  "y 4×6, stride 2×1, dilation 1×1, padding 1×1, groups 1, strict") != std::string::npos);
  CHECK(what.find("use the device cpu") != std::string::npos);
  // That there is none is remembered, too: the fused one and the one without.
  CHECK(plans_of(context).size() == 2);
  message_of(ErrorKind::unsupported, [&] { error_of(context, c); });
  CHECK(plans_of(context).size() == 2);
}

TEST_CASE("conv2d: a problem names what is fused with it") {
  std::ostringstream words;
  words << cuda::ConvProblem{
      .params = kSmall, .precision = Precision::f16, .residual = true, .bias = true, .relu = true};
  CHECK(words.str().ends_with("groups 1 + residual + bias + relu, f16"));
}

TEST_CASE("conv2d: a call that cuDNN refuses is named with status and place") {
  const FreshDevice device;
  Context context(kCudaDevice, 1);
  Conv2dParams nothing = kSmall;
  nothing.batch = 0;
  const std::string what = message_of(ErrorKind::internal, [&] {
    cuda::conv2d_forward(context, nothing, nullptr, nullptr, nullptr, nullptr);
  });
  CHECK(what.find("[cudnn 91900] cudnnBackendFinalize(handle_) failed: CUDNN_STATUS_BAD_PARAM") !=
        std::string::npos);
  CHECK(what.find("an extent is not positive") != std::string::npos);
  CHECK(what.find("cudnn.cpp:") != std::string::npos);
  CHECK(message_of(ErrorKind::unsupported, [] {
          CUDNN_CHECK(CUDNN_STATUS_NOT_SUPPORTED);
        }).find("NOT_SUPPORTED") != std::string::npos);
  CHECK(message_of(ErrorKind::resources, [] {
          CUDNN_CHECK(CUDNN_STATUS_INTERNAL_ERROR);
        }).find("INTERNAL_ERROR") != std::string::npos);
}

TEST_CASE("cudnn: no handle can be opened while a graph is captured") {
  const FreshDevice device;
  Context context(kCudaDevice, 1);
  cudaGraph_t graph = nullptr;
  const cudaStream_t stream = context.stream().get();
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  const std::string what =
      message_of(ErrorKind::resources, [&] { (void)context.stream().part<cuda::Cudnn>(); });
  CHECK(what.find("cudnnCreate") != std::string::npos);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
}
