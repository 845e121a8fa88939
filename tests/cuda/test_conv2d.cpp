// Convolution by cuDNN against the CPU.
#include <cmath>
#include <limits>
#include <string>

#include "conv2d_problem.hpp"
#include "cuda_device.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/cuda/workspace.hpp"
#include "kernels/conv2d/plans_cuda.hpp"
#include "modes.hpp"
#include "sentinel.hpp"
#include "support/compare.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kConv2dInfinity = std::numeric_limits<double>::infinity();
constexpr double kConv2dTolerance = kEmulated ? 2e-6 : 1e-5;  // a real cuDNN adds up in orders of its own

}  // namespace

TEST_CASE("conv2d: cuDNN agrees with the CPU on every shape") {
  in_every_mode([] {
    for (const Conv2dCase& c : kConv2dCases) {
      CAPTURE(c.name);
      Context context(kCudaDevice, 1);
      CHECK(error_of(context, ConvArrays(c)) <= kConv2dTolerance);
    }
  });
}

TEST_CASE("conv2d: arrays may start anywhere") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    for (const std::int64_t offset : {1, 2, 3})
      CHECK(error_of(context, ConvArrays(kSmall), offset) <= kConv2dTolerance);
  });
}

TEST_CASE("conv2d: one misaligned array among aligned ones is enough to plan for 4 bytes") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    const ConvArrays c(kSmall);
    for (int shifted = 0; shifted < 5; ++shifted) {
      CAPTURE(shifted);
      Guarded x(context, c.x, shifted == 0), w(context, c.w, shifted == 1);
      Guarded bias(context, c.bias, shifted == 2), residual(context, c.residual, shifted == 3);
      Guarded y(context, unwritten(c.outputs), shifted == 4);
      cuda::conv2d_fused_forward(context, c.p, x.data(), w.data(), nullptr, bias.data(),
                                 {residual.data(), true}, y.data());
      CHECK(relative_difference(y.values(), c.fused(true, true, true, kConv2dInfinity)) <= kConv2dTolerance);
    }
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
      CHECK(error <= (depthwise ? kConv2dTolerance : 4e-3));
      // TF32 is a permission: on a GPU an engine may do without it.
      const bool rounds = !depthwise && (kEmulated || precision == Precision::f16);
      CHECK(error >= (rounds ? 1e-5 : 0));
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
  with_and_without_fused_plans([&] {
    for (const Conv2dParams& p : {kSmall, depthwise})
      for (const Precision precision : {Precision::strict, Precision::f16}) {
        const ConvArrays c(p);
        Context context(kCudaDevice, 1, precision);
        Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), residual(context, c.residual);
        for (const bool with_bias : {false, true})
          for (const bool with_residual : {false, true})
            for (const double upper : {0.0, 0.5, kConv2dInfinity}) {  // 0 stands for no ReLU
              CAPTURE(with_bias);
              CAPTURE(with_residual);
              CAPTURE(upper);
              Guarded y(context, unwritten(c.outputs));
              cuda::conv2d_fused_forward(
                  context, p, x.data(), w.data(), nullptr, with_bias ? bias.data() : nullptr,
                  {with_residual ? residual.data() : nullptr, upper > 0, upper}, y.data());
              CHECK(relative_difference(y.values(), c.fused(with_bias, with_residual, upper > 0, upper)) <=
                    (precision == Precision::f16 ? 4e-3 : kConv2dTolerance));
            }
      }
  });
}

TEST_CASE("conv2d: tuning measures the plans and computes the same") {
  in_every_mode([] {
    Context context(kCudaDevice, 1);
    context.tune(true);
    const ConvArrays c(kSmall);
    CHECK(error_of(context, c) <= kConv2dTolerance);
    const std::size_t planned = plans_of(context).size();
    CHECK(error_of(context, c) <= kConv2dTolerance);
    CHECK(plans_of(context).size() == planned);
    Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), residual(context, c.residual);
    Guarded y(context, unwritten(c.outputs));
    cuda::conv2d_fused_forward(context, c.p, x.data(), w.data(), nullptr, bias.data(),
                               {residual.data(), true}, y.data());
    CHECK(relative_difference(y.values(), c.fused(true, true, true, kConv2dInfinity)) <= kConv2dTolerance);
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
      CHECK(relative_difference(y.values(), c.y) <= (precision == Precision::f16 ? 4e-3 : kConv2dTolerance));
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
