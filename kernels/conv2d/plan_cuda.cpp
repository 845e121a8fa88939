#include "kernels/conv2d/plan_cuda.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <utility>

namespace backlight::cuda {
namespace {

using Extents = std::array<std::int64_t, 4>;

bool is_half(const ConvProblem& problem) { return problem.precision == Precision::f16; }

/// `extents` are N, C, H, W. Virtual tensors stay within a plan; they hold float32.
CudnnDescriptor tensor(const ConvProblem& problem, std::int64_t id, const Extents& extents,
                       bool is_virtual = false) {
  const auto [n, c, h, w] = extents;
  const Extents strides =
      is_half(problem) ? Extents{c * h * w, 1, w * c, c} : Extents{c * h * w, h * w, w, 1};
  CudnnDescriptor result(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  result.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  result.set(CUDNN_ATTR_TENSOR_DATA_TYPE,
             is_half(problem) && !is_virtual ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT);
  result.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(extents));
  result.set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides));
  result.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, problem.alignment);
  result.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
  result.finalize();
  return result;
}

CudnnDescriptor tensor(const ConvProblem& problem, ConvTensor which, const Extents& extents) {
  return tensor(problem, static_cast<std::int64_t>(which), extents);
}

/// What the last outputs need of padding behind the image; none where the image's end is not read.
std::int64_t pad_after(std::int64_t in, std::int64_t before, std::int64_t out, std::int64_t kernel,
                       std::int64_t stride, std::int64_t dilation) {
  return std::max<std::int64_t>((out - 1) * stride + (kernel - 1) * dilation + 1 - in - before, 0);
}

CudnnDescriptor convolution(const Conv2dParams& p) {
  using Pair = std::array<std::int64_t, 2>;
  const Pair before{p.pad_top, p.pad_left}, stride{p.stride_height, p.stride_width};
  const Pair dilation{p.dilation_height, p.dilation_width};
  const Pair after{
      pad_after(p.in_height, p.pad_top, p.out_height, p.kernel_height, p.stride_height, p.dilation_height),
      pad_after(p.in_width, p.pad_left, p.out_width, p.kernel_width, p.stride_width, p.dilation_width)};
  CudnnDescriptor result(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  result.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  result.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  result.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  result.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span<const std::int64_t>(before));
  result.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span<const std::int64_t>(after));
  result.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span<const std::int64_t>(stride));
  result.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<const std::int64_t>(dilation));
  result.finalize();
  return result;
}

/// The attributes of the three operations, which differ in their names alone.
struct ConvNames {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t convolution, x, w, y, alpha, beta;
};
constexpr ConvNames kConvNames[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

CudnnDescriptor pointwise(cudnnPointwiseMode_t mode, const CudnnDescriptor& x, const CudnnDescriptor* b,
                          const CudnnDescriptor& y) {
  CudnnDescriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, mode);
  how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  how.finalize();
  CudnnDescriptor result(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  result.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
  result.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b) result.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
  result.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  result.finalize();
  return result;
}

/// A chain: the convolution, then what is fused with it, in the one order that cuDNN knows.
CudnnDescriptor operation_graph(const ConvProblem& problem) {
  const Conv2dParams& p = problem.params;
  const ConvNames& names = kConvNames[static_cast<std::size_t>(problem.direction)];
  const Extents y_extents{p.batch, p.out_channels, p.out_height, p.out_width};
  int left = problem.residual + problem.bias + problem.relu;
  const auto output = [&] {
    return left == 0 ? tensor(problem, ConvTensor::y, y_extents) : tensor(problem, left, y_extents, true);
  };

  CudnnDescriptor value = output();
  std::vector<CudnnDescriptor> operations;
  CudnnDescriptor& conv = operations.emplace_back(names.operation);
  conv.set(names.convolution, convolution(p));
  conv.set(names.x, tensor(problem, ConvTensor::x, {p.batch, p.in_channels, p.in_height, p.in_width}));
  conv.set(names.w, tensor(problem, ConvTensor::w,
                           {p.out_channels, p.in_channels / p.groups, p.kernel_height, p.kernel_width}));
  conv.set(names.y, value);
  const bool adds = problem.direction == ConvDirection::backward_filter && !is_half(problem);
  conv.set(names.alpha, 1.0f);
  conv.set(names.beta, adds ? 1.0f : 0.0f);
  conv.finalize();
  const auto follow = [&](cudnnPointwiseMode_t mode, const CudnnDescriptor* b) {
    --left;
    CudnnDescriptor next = output();
    operations.push_back(pointwise(mode, value, b, next));
    value = std::move(next);
  };
  if (problem.residual) {
    const CudnnDescriptor residual = tensor(problem, ConvTensor::residual, y_extents);
    follow(CUDNN_POINTWISE_ADD, &residual);
  }
  if (problem.bias) {
    const CudnnDescriptor bias = tensor(problem, ConvTensor::bias, {1, p.out_channels, 1, 1});
    follow(CUDNN_POINTWISE_ADD, &bias);
  }
  if (problem.relu) follow(CUDNN_POINTWISE_RELU_FWD, nullptr);

  std::vector<cudnnBackendDescriptor_t> handles;
  for (const CudnnDescriptor& operation : operations) handles.push_back(operation.get());
  CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            static_cast<std::int64_t>(handles.size()), handles.data());
  graph.finalize();
  return graph;
}

/// The engines that cuDNN proposes, best first.
std::vector<CudnnDescriptor> engine_configs(const CudnnDescriptor& graph, const CudnnDescriptor& device,
                                            cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device);
  const cudnnStatus_t status = cudnn().cudnnBackendFinalize(heuristics.get());
  if (status / 1000 * 1000 == CUDNN_STATUS_NOT_SUPPORTED) return {};
  CUDNN_CHECK(status);
  std::int64_t count = 0;
  CUDNN_CALL(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr));
  std::vector<CudnnDescriptor> configs;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < count; ++i)
    handles.push_back(configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  if (count > 0)
    CUDNN_CALL(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count, handles.data()));
  configs.erase(configs.begin() + static_cast<std::ptrdiff_t>(count), configs.end());
  return configs;
}

CudnnDescriptor engine_of(const CudnnDescriptor& config) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t handle = engine.get();
  std::int64_t count = 0;
  CUDNN_CALL(cudnnBackendGetAttribute(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &handle));
  return engine;
}

bool allowed(const CudnnDescriptor& engine, Precision precision) {
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  std::int64_t count = 0;
  CUDNN_CALL(cudnnBackendGetAttribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                      CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count,
                                      notes.data()));
  return std::all_of(notes.begin(), notes.begin() + count, [&](cudnnBackendNumericalNote_t note) {
    const bool rounds = note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
                        note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
                        note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION;
    return note != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && !(rounds && precision == Precision::strict);
  });
}

std::int64_t get_int64(const CudnnDescriptor& descriptor, cudnnBackendAttributeName_t name) {
  std::int64_t value = 0, count = 0;
  CUDNN_CALL(cudnnBackendGetAttribute(descriptor.get(), name, CUDNN_TYPE_INT64, 1, &count, &value));
  return value;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ConvProblem& problem) {
  constexpr std::array kDirections{"forward", "backward_data", "backward_filter"};
  constexpr std::array kPrecisions{"strict", "tf32", "f16"};
  const Conv2dParams& p = problem.params;
  out << kDirections[static_cast<std::size_t>(problem.direction)] << " of x " << p.batch << "×"
      << p.in_channels << "×" << p.in_height << "×" << p.in_width << ", w " << p.out_channels << "×"
      << p.in_channels / p.groups << "×" << p.kernel_height << "×" << p.kernel_width << ", y " << p.out_height
      << "×" << p.out_width << ", stride " << p.stride_height << "×" << p.stride_width << ", dilation "
      << p.dilation_height << "×" << p.dilation_width << ", padding " << p.pad_top << "×" << p.pad_left
      << ", groups " << p.groups;
  if (problem.residual) out << " + residual";
  if (problem.bias) out << " + bias";
  if (problem.relu) out << " + relu";
  return out << ", " << kPrecisions[static_cast<std::size_t>(problem.precision)];
}

std::vector<ConvPlan> conv_plans(const ConvProblem& problem, const CudnnDescriptor& device,
                                 std::size_t workspace_limit, std::size_t count) {
  const CudnnDescriptor graph = operation_graph(problem);
  std::vector<ConvPlan> plans;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (CudnnDescriptor& config : engine_configs(graph, device, mode)) {
      if (plans.size() == count) return plans;
      const CudnnDescriptor engine = engine_of(config);
      if (!allowed(engine, problem.precision)) continue;
      CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
      // The heuristics also name engines that then refuse the problem.
      if (cudnn().cudnnBackendFinalize(plan.get()) != CUDNN_STATUS_SUCCESS) continue;
      const auto bytes = static_cast<std::size_t>(get_int64(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
      if (bytes > workspace_limit) continue;
      plans.push_back(
          {std::move(config), std::move(plan), bytes, get_int64(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX)});
    }
  }
  return plans;
}

void execute(const ConvPlan& plan, cudnnHandle_t handle, std::initializer_list<ConvPointer> pointers,
             void* workspace) {
  std::vector<std::int64_t> ids;
  std::vector<void*> addresses;
  for (const ConvPointer& pointer : pointers) {
    if (!pointer.address) continue;
    ids.push_back(static_cast<std::int64_t>(pointer.tensor));
    addresses.push_back(const_cast<void*>(pointer.address));
  }
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(ids));
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(addresses));
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
  pack.finalize();
  CUDNN_CALL(cudnnBackendExecute(handle, plan.plan.get(), pack.get()));
}

}  // namespace backlight::cuda
