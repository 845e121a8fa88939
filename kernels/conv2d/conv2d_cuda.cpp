// Convolution by cuDNN, and depthwise by kernels of our own: which of them runs, and on which memory.
// kernels/conv2d/plan_cuda.cpp makes cuDNN's plans.
#include "kernels/conv2d/conv2d_cuda.hpp"

#include <algorithm>
#include <cmath>

#include "engine/runtime/cuda/alignment.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/cuda/workspace.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/conv2d/depthwise_cuda.hpp"
#include "kernels/conv2d/plans_cuda.hpp"

namespace backlight::cuda {
namespace {

/// Such filters read a single plane; float16 would save them nothing, so that they are the same in every
/// precision.
bool is_depthwise(const Conv2dParams& p) { return p.groups == p.in_channels && p.groups == p.out_channels; }

struct Sizes {
  explicit Sizes(const Conv2dParams& p)
      : x{p.batch, p.in_channels, p.in_height * p.in_width},
        w{p.out_channels, p.in_channels / p.groups, p.kernel_height * p.kernel_width},
        y{p.batch, p.out_channels, p.out_height * p.out_width} {}

  Layout x, w, y;
};

/// Runs a plan on float32 arrays.
void run(Context& context, const ConvPlan& plan, std::initializer_list<ConvPointer> pointers) {
  Stream& stream = context.stream();
  void* workspace = stream.part<Workspace>().reserve(plan.workspace_bytes);
  execute(plan, stream.part<Cudnn>().handle(), pointers, workspace);
}

/// The arrays of a plan in float16, in the workspace behind what the plan needs of it.
class Halves {
 public:
  Halves(Context& context, const ConvPlan& plan, const Sizes& sizes) {
    const auto bytes = [](const Layout& l) {
      return padded(static_cast<std::size_t>(l.batch * l.channels * l.plane) * sizeof(Half));
    };
    const std::size_t own = padded(plan.workspace_bytes);
    auto* block = static_cast<std::byte*>(
        context.stream().part<Workspace>().reserve(own + bytes(sizes.x) + bytes(sizes.w) + bytes(sizes.y)));
    workspace = block;
    x = reinterpret_cast<Half*>(block + own);
    w = reinterpret_cast<Half*>(block + own + bytes(sizes.x));
    y = reinterpret_cast<Half*>(block + own + bytes(sizes.x) + bytes(sizes.w));
  }

  void* workspace;
  Half *x, *w, *y;

 private:
  static std::size_t padded(std::size_t bytes) { return (bytes + 255) / 256 * 256; }
};

/// `a` and `b` are float32 arrays that the plan reads, in float16 and NHWC; it writes the third.
void run_in_half(Context& context, const Conv2dParams& p, ConvDirection direction, const float* a,
                 const float* b, float* result) {
  const Sizes sizes(p);
  const ConvPlan& plan = context.stream().part<ConvPlans>().get(
      context, {.params = p, .direction = direction, .precision = Precision::f16});
  const Halves half(context, plan, sizes);
  struct Operand {
    Half* address;
    const Layout& layout;
  };
  const Operand x{half.x, sizes.x}, w{half.w, sizes.w}, y{half.y, sizes.y};
  const bool forward = direction == ConvDirection::forward, data = direction == ConvDirection::backward_data;
  const Operand& first = data ? y : x;
  const Operand& second = forward || data ? w : y;
  const Operand& third = forward ? y : data ? x : w;
  to_half_nhwc(context, first.layout, a, first.address);
  to_half_nhwc(context, second.layout, b, second.address);
  execute(plan, context.stream().part<Cudnn>().handle(),
          {{ConvTensor::x, half.x}, {ConvTensor::w, half.w}, {ConvTensor::y, half.y}}, half.workspace);
  from_half_nhwc(context, third.layout, third.address, direction == ConvDirection::backward_filter, result);
}

}  // namespace

void conv2d_forward(Context& context, const Conv2dParams& params, const float* x, const float* w,
                    const float* bias, float* y) {
  conv2d_fused_forward(context, params, x, w, nullptr, bias, {}, y);
}

Tensor conv2d_pack(const Context&, const Conv2dParams&, const float*, bool) { return {}; }
Tensor conv2d_pack_gradient(const Context&, const Conv2dParams&, const float*, bool) { return {}; }

void conv2d_fused_forward(Context& context, const Conv2dParams& params, const float* x, const float* w,
                          const Tensor* /*packed*/, const float* bias, const Epilogue<float>& epilogue, float* y) {
  if (is_depthwise(params)) {
    const auto upper = static_cast<float>(epilogue.upper);
    depthwise_forward(context, params, x, w, {bias, epilogue.relu && !epilogue.residual, upper}, y);
    if (epilogue.residual) conv2d_epilogue(context, params, nullptr, epilogue, y);
    return;
  }
  const bool follows = bias || epilogue.residual || epilogue.relu;
  if (context.precision() == Precision::f16) {
    run_in_half(context, params, ConvDirection::forward, x, w, y);
    if (follows) conv2d_epilogue(context, params, bias, epilogue, y);
    return;
  }
  ConvPlans& plans = context.stream().part<ConvPlans>();
  ConvProblem problem{.params = params,
                      .precision = context.precision(),
                      .alignment = common_alignment(x, w, y, bias, epilogue.residual)};
  // cuDNN's fast engines fuse a bias, with or without a residual before and a ReLU behind it. A ReLU with an
  // upper bound only the slowest does.
  if (bias && !(epilogue.relu && std::isfinite(epilogue.upper))) {
    ConvProblem fused = problem;
    fused.bias = true;
    fused.residual = epilogue.residual != nullptr;
    fused.relu = epilogue.relu;
    if (const ConvPlan* plan = plans.find(context, fused))
      return run(context, *plan,
                 {{ConvTensor::x, x},
                  {ConvTensor::w, w},
                  {ConvTensor::y, y},
                  {ConvTensor::bias, bias},
                  {ConvTensor::residual, epilogue.residual}});
  }
  run(context, plans.get(context, problem), {{ConvTensor::x, x}, {ConvTensor::w, w}, {ConvTensor::y, y}});
  if (follows) conv2d_epilogue(context, params, bias, epilogue, y);
}

void conv2d_backward_data(Context& context, const Conv2dParams& params, const float* dy, const float* w,
                          float* dx) {
  if (is_depthwise(params)) return depthwise_backward_data(context, params, dy, w, dx);
  if (context.precision() == Precision::f16)
    return run_in_half(context, params, ConvDirection::backward_data, dy, w, dx);
  const ConvPlan& plan =
      context.stream().part<ConvPlans>().get(context, {.params = params,
                                                       .direction = ConvDirection::backward_data,
                                                       .precision = context.precision(),
                                                       .alignment = common_alignment(dy, w, dx)});
  run(context, plan, {{ConvTensor::x, dx}, {ConvTensor::w, w}, {ConvTensor::y, dy}});
}

void conv2d_backward_filter(Context& context, const Conv2dParams& params, const float* x, const float* dy,
                            float* dw) {
  if (is_depthwise(params)) return depthwise_backward_filter(context, params, x, dy, dw);
  if (context.precision() == Precision::f16)
    return run_in_half(context, params, ConvDirection::backward_filter, x, dy, dw);
  const ConvPlan& plan =
      context.stream().part<ConvPlans>().get(context, {.params = params,
                                                       .direction = ConvDirection::backward_filter,
                                                       .precision = context.precision(),
                                                       .alignment = common_alignment(x, dy, dw)});
  run(context, plan, {{ConvTensor::x, x}, {ConvTensor::w, dw}, {ConvTensor::y, dy}});
}

}  // namespace backlight::cuda
