// Convolution by cuDNN, here the emulated one, against the CPU.
#include <cmath>
#include <limits>
#include <string>

#include "conv2d_problem.hpp"
#include "engine/cuda/check.hpp"
#include "engine/cuda/stream.hpp"
#include "engine/cuda/workspace.hpp"
#include "kernels/conv2d/plans_cuda.hpp"
#include "modes.hpp"
#include "sentinel.hpp"
#include "support/compare.hpp"

using namespace backlight;
using namespace backlight::test;
using emulator::Plans;

namespace {

const Device kCudaDevice = Device::parse("cuda");
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// 3×3 with padding, small.
constexpr Conv2dParams kSmall{.batch = 2,
                              .in_channels = 3,
                              .in_height = 7,
                              .in_width = 6,
                              .out_channels = 5,
                              .out_height = 7,
                              .out_width = 6,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .pad_top = 1,
                              .pad_left = 1};

cuda::ConvPlans& plans_of(Context& context) { return context.stream().part<cuda::ConvPlans>(); }

/// The largest error of forward and of the gradients; those of parameters add to what was there. Offset by
/// `offset` floats from a multiple of 256 bytes.
double error_of(Context& context, const ConvArrays& c, std::int64_t offset = 0) {
  Guarded x(context, c.x, offset), w(context, c.w), bias(context, c.bias), dy(context, c.dy, offset);
  Guarded y(context, unwritten(c.outputs)), dx(context, unwritten(c.inputs)), dw(context, c.dw_before);
  cuda::conv2d_forward(context, c.p, x.data(), w.data(), bias.data(), y.data());
  cuda::conv2d_backward_data(context, c.p, dy.data(), w.data(), dx.data());
  cuda::conv2d_backward_filter(context, c.p, x.data(), dy.data(), dw.data());
  return std::max({relative_difference(y.values(), c.y), relative_difference(dx.values(), c.dx),
                   relative_difference(dw.values(), c.dw)});
}

std::string message_of(ErrorKind kind, const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL_CHECK("no error was thrown");
  return {};
}

}  // namespace

TEST_CASE("conv2d: cuDNN agrees with the CPU on every shape") {
  in_every_mode([] {
    for (const Conv2dCase& c : kConv2dCases) {
      CAPTURE(c.name);
      Context context(kCudaDevice, 1);
      CHECK(error_of(context, ConvArrays(c)) <= 2e-6);
    }
  });
}

TEST_CASE("conv2d: arrays may start anywhere") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    for (const std::int64_t offset : {1, 2, 3}) CHECK(error_of(context, ConvArrays(kSmall), offset) <= 2e-6);
  });
}

TEST_CASE("conv2d: TF32 and float16 round what is multiplied and add up in float32") {
  for (const Conv2dCase& c : kConv2dCases) {
    const FreshDevice device;
    CAPTURE(c.name);
    const ConvArrays arrays(c);
    const auto error_in = [&](Precision precision) {
      Context context(kCudaDevice, 1, precision);
      return error_of(context, arrays);
    };
    const bool depthwise =
        arrays.p.groups == arrays.p.in_channels && arrays.p.groups == arrays.p.out_channels;
    for (const Precision precision : {Precision::tf32, Precision::f16}) {
      const double error = error_in(precision);
      CHECK(error <= (depthwise ? 2e-6 : 4e-3));
      CHECK(error >= (depthwise ? 0 : 1e-5));
    }
  }
}

TEST_CASE("conv2d: float16 cannot hold what is beyond 65504") {
  const FreshDevice device;
  Context context(kCudaDevice, 1, Precision::f16);
  const Conv2dParams p{.in_channels = 2, .out_channels = 1};
  Guarded x(context, {300, 0}), w(context, {300, 0}), y(context, {0});
  cuda::conv2d_forward(context, p, x.data(), w.data(), nullptr, y.data());
  CHECK(y.values()[0] == std::numeric_limits<float>::infinity());
}

TEST_CASE("conv2d: bias and residual and ReLU follow in every combination whatever cuDNN fuses") {
  Conv2dParams depthwise = kSmall;
  depthwise.in_channels = depthwise.out_channels = depthwise.groups = 4;
  for (const Plans offered : {Plans::all, Plans::unfused})
    for (const Conv2dParams& p : {kSmall, depthwise})
      for (const Precision precision : {Precision::strict, Precision::f16}) {
        const FreshDevice device({.plans = offered});
        const ConvArrays c(p);
        Context context(kCudaDevice, 1, precision);
        Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), residual(context, c.residual);
        for (const bool with_bias : {false, true})
          for (const bool with_residual : {false, true})
            for (const double upper : {0.0, 0.5, kInfinity}) {  // 0 stands for no ReLU
              CAPTURE(with_bias);
              CAPTURE(with_residual);
              CAPTURE(upper);
              Guarded y(context, unwritten(c.outputs));
              cuda::conv2d_fused_forward(context, p, x.data(), w.data(), with_bias ? bias.data() : nullptr,
                                         {with_residual ? residual.data() : nullptr, upper > 0, upper},
                                         y.data());
              CHECK(relative_difference(y.values(), c.fused(with_bias, with_residual, upper > 0, upper)) <=
                    (precision == Precision::f16 ? 4e-3 : 2e-6));
            }
      }
}

TEST_CASE("conv2d: cuDNN fuses a bias and an unbounded ReLU and nothing else") {
  const FreshDevice device;
  const ConvArrays c(kSmall);
  Context context(kCudaDevice, 1);
  Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), residual(context, c.residual);
  Guarded y(context, unwritten(c.outputs));
  /// Threads of our own kernels that one call runs: cuDNN's work is none.
  const auto threads_of = [&](const float* b, const Epilogue<float>& epilogue) {
    const std::uint64_t before = emulator::threads_run();
    cuda::conv2d_fused_forward(context, c.p, x.data(), w.data(), b, epilogue, y.data());
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

TEST_CASE("conv2d: plans can be made for a device that is only described") {
  const FreshDevice device;
  const cuda::CudnnDescriptor described = cuda::cudnn_device("{\"deviceVer\": 900}");
  CHECK(cuda::conv_plans({.params = kSmall}, described, 1 << 20, 1).at(0).engine == 11);
}

TEST_CASE("conv2d: tuning measures the plans and computes the same") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    context.tune(true);
    const ConvArrays c(kSmall);
    CHECK(error_of(context, c) <= 2e-6);
    CHECK(plans_of(context).size() == 3);
    CHECK(error_of(context, c) <= 2e-6);
    Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), residual(context, c.residual);
    Guarded y(context, unwritten(c.outputs));
    cuda::conv2d_fused_forward(context, c.p, x.data(), w.data(), bias.data(), {residual.data(), true},
                               y.data());
    CHECK(relative_difference(y.values(), c.fused(true, true, true, kInfinity)) <= 2e-6);
  });
}

TEST_CASE("context: on the CPU there is nothing to tune") {
  const Context context({}, 1);
  context.tune(true);
  CHECK(same_bits(context.to_host(context.zeros({2})), Tensor::zeros({2})));
}

TEST_CASE("conv2d: a captured convolution replays on new values") {
  in_every_mode([] {
    for (const Precision precision : {Precision::strict, Precision::f16}) {
      Context context(kCudaDevice, 1, precision);
      const ConvArrays c(kSmall);
      Guarded x(context, unwritten(c.inputs)), w(context, c.w), bias(context, c.bias), y(context, c.y);
      Tensor fresh = Tensor::from({c.inputs}, c.x);
      const Tensor next = context.copy(fresh);
      const auto forward = [&] {
        cuda::conv2d_forward(context, c.p, x.data(), w.data(), bias.data(), y.data());
      };
      forward();
      const cudaStream_t stream = context.stream().get();
      cudaGraph_t graph = nullptr;
      cudaGraphExec_t executable = nullptr;
      CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
      CUDA_CHECK(
          cudaMemcpyAsync(x.data(), next.data<float>(), next.bytes(), cudaMemcpyDeviceToDevice, stream));
      forward();
      CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
      CUDA_CHECK(cudaGraphInstantiate(&executable, graph));
      // The graph's workspace stays when another shape needs a larger one.
      Conv2dParams larger = kSmall;
      larger.batch = 64;
      error_of(context, ConvArrays(larger));
      CUDA_CHECK(cudaGraphLaunch(executable, stream));
      CHECK(relative_difference(y.values(), c.y) <= (precision == Precision::f16 ? 4e-3 : 2e-6));
      CUDA_CHECK(cudaGraphExecDestroy(executable));
      CUDA_CHECK(cudaGraphDestroy(graph));
    }
  });
}

TEST_CASE("conv2d: what is not prepared when a capture begins is refused") {
  const FreshDevice device;
  Context context(kCudaDevice, 1);
  const ConvArrays c(kSmall);
  error_of(context, c);
  Guarded x(context, c.x), w(context, c.w), y(context, c.y);
  cuda::Workspace& workspace = context.stream().part<cuda::Workspace>();
  const cudaStream_t stream = context.stream().get();
  context.synchronize();
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  Conv2dParams other = kSmall;
  other.batch = 1;
  const std::string plan = message_of(
      ErrorKind::internal, [&] { cuda::conv2d_backward_data(context, other, y.data(), w.data(), x.data()); });
  CHECK(plan.find("backward_data of x 1×3×7×6") != std::string::npos);
  CHECK(plan.find("before it is captured") != std::string::npos);
  const std::string growth =
      message_of(ErrorKind::internal, [&] { workspace.reserve(workspace.bytes() + 1); });
  CHECK(growth.find("run the same work once") != std::string::npos);
  cudaGraph_t graph = nullptr;
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  CUDA_CHECK(cudaGraphDestroy(graph));
}

TEST_CASE("workspace: it grows and is never given away twice at once") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    cuda::Workspace& workspace = context.stream().part<cuda::Workspace>();
    CHECK(workspace.reserve(0) == nullptr);
    void* small = workspace.reserve(100);
    CHECK(workspace.reserve(50) == small);
    CHECK(workspace.bytes() == 100);
    CHECK(workspace.reserve(200) != nullptr);
    CHECK(workspace.bytes() == 200);
  });
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

TEST_CASE("conv2d: costs follow from the equations") {
  constexpr Conv2dParams p{.batch = 2,
                           .in_channels = 4,
                           .in_height = 3,
                           .in_width = 5,
                           .out_channels = 6,
                           .out_height = 2,
                           .out_width = 4,
                           .kernel_height = 2,
                           .kernel_width = 2,
                           .groups = 2};
  CHECK(cuda::conv2d_cost(p) == Cost{4 * (120 + 48 + 96), 2 * 96 * 8});
  CHECK(cuda::conv2d_backward_bias_cost(p) == Cost{4 * 96 + 48, 96});
}
