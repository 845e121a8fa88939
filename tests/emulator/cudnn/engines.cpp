// Which graphs the emulated library has engines for, and what the engines are like. The patterns are those
// that cuDNN 9.19 was found to plan: a convolution alone, or a forward one followed by an optional residual,
// a bias and an optional ReLU, with all tensors of one type.
#include <algorithm>
#include <array>

#include "../runtime/runtime.hpp"
#include "descriptor.hpp"

namespace backlight::emulator {
namespace {

// Engines, from the best to the one that takes everything. The first need tensor cores; one asks for more
// workspace than anyone has; one refuses uneven padding when it is planned; one adds up in no fixed order.
const std::array kEngines{
    Engine{30, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, 4096, true},
    Engine{31, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS}, 0, true},
    Engine{20, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, 0, false},
    Engine{12, {}, std::size_t{1} << 40, false},
    Engine{11, {}, 1000, false},
    Engine{10, {}, 2304, false},
    Engine{0, {}, 1, false},
};
constexpr std::int64_t kNoUnevenPadding = 11, kGeneric = 0;

const Descriptor* y_of(const Descriptor& operation) {
  return is_convolution(operation) ? operation.child(conv_attributes(operation.type).y)
                                   : operation.child(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
}

std::int64_t id_of(const Descriptor* tensor) {
  return tensor->one<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
}
bool is_virtual(const Descriptor* tensor) { return tensor->one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL); }
cudnnDataType_t type_of(const Descriptor* tensor) {
  return tensor->one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE);
}

/// Whether each operation takes the value of the one before, which stays within the plan, and what else it
/// reads is of the same type as x.
bool is_chain(const std::vector<DescriptorPtr>& operations, cudnnDataType_t type) {
  const Descriptor* value = y_of(*operations.front());
  for (std::size_t i = 1; i < operations.size(); ++i) {
    const Descriptor& op = *operations[i];
    if (is_convolution(op) || !is_virtual(value) || type_of(value) != CUDNN_DATA_FLOAT ||
        id_of(op.child(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)) != id_of(value))
      return false;
    const Descriptor* b = op.child(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    if (b && type_of(b) != type) return false;
    value = y_of(op);
  }
  return !is_virtual(value) && type_of(value) == type;
}

/// Whether what follows a convolution is: perhaps + residual, + bias, perhaps ReLU.
bool is_known_epilogue(const std::vector<DescriptorPtr>& operations) {
  std::vector<const Descriptor*> added;
  for (std::size_t i = 1; i < operations.size(); ++i) {
    const Descriptor* b = operations[i]->child(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    if (b)
      added.push_back(b);
    else if (i + 1 < operations.size())
      return false;
  }
  const Extents y = extents_of(y_of(*operations.front()));
  return !added.empty() && added.size() <= 2 &&
         extents_of(added.back()) == Extents{1, y[1], 1, 1} &&
         (added.size() == 1 || extents_of(added.front()) == y);
}

bool is_supported(const Descriptor& graph) {
  const std::vector<DescriptorPtr>& operations = graph.children(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  const Descriptor& conv = *operations.front();
  if (!is_convolution(conv)) return false;
  const ConvAttributes& names = conv_attributes(conv.type);
  const cudnnDataType_t type = type_of(conv.child(names.x));
  if (type_of(conv.child(names.w)) != type || !is_chain(operations, type)) return false;
  const bool forward = conv.type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
  return operations.size() == 1 || (forward && is_known_epilogue(operations));
}

bool pads_unevenly(const Descriptor& graph) {
  const Descriptor& operation = *graph.child(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  const Descriptor* conv = operation.child(conv_attributes(operation.type).convolution);
  return conv->all<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS) !=
         conv->all<std::int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
}

DescriptorPtr config_of(const Engine& engine, const DescriptorPtr& graph) {
  const auto made = std::make_shared<Descriptor>(Descriptor{CUDNN_BACKEND_ENGINE_DESCRIPTOR, true, {}});
  made->put(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector{engine.index});
  made->put(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, engine.notes);
  made->values[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {graph}};
  const auto config = std::make_shared<Descriptor>(Descriptor{CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, true, {}});
  config->values[CUDNN_ATTR_ENGINECFG_ENGINE] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {made}};
  return config;
}

const Descriptor* engine_descriptor(const Descriptor& plan) {
  return plan.child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->child(CUDNN_ATTR_ENGINECFG_ENGINE);
}

}  // namespace

const Engine& engine_of(const Descriptor& plan) {
  const auto index = engine_descriptor(plan)->one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  return *std::ranges::find(kEngines, index, &Engine::index);
}

DescriptorPtr graph_of(const Descriptor& plan) {
  return engine_descriptor(plan)->children(CUDNN_ATTR_ENGINE_OPERATION_GRAPH).front();
}

cudnnStatus_t finalize_heuristics(Descriptor& heuristics) {
  const DescriptorPtr graph = heuristics.children(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH).front();
  if (graph->type != CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
    return fail(CUDNN_STATUS_BAD_PARAM, "heuristics need a graph");
  const bool fallback =
      heuristics.one<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE) == CUDNN_HEUR_MODE_FALLBACK;
  const bool fused = graph->children(CUDNN_ATTR_OPERATIONGRAPH_OPS).size() > 1;
  const Plans plans = runtime().options.plans;
  if (plans == Plans::none) return fail(CUDNN_STATUS_NOT_SUPPORTED, "no engine supports the graph");
  std::vector<DescriptorPtr> results;
  if (is_supported(*graph) && (plans == Plans::all || !fused))
    for (const Engine& engine : kEngines)
      if ((engine.index == kGeneric) == fallback) results.push_back(config_of(engine, graph));
  const auto count = static_cast<std::int64_t>(results.size());
  heuristics.values[CUDNN_ATTR_ENGINEHEUR_RESULTS] = {
      CUDNN_TYPE_BACKEND_DESCRIPTOR, count, {}, std::move(results)};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_plan(Descriptor& plan) {
  const Engine& engine = engine_of(plan);
  if (engine.index == kNoUnevenPadding && pads_unevenly(*graph_of(plan)))
    return fail(CUDNN_STATUS_NOT_SUPPORTED, "engine ", engine.index, " pads both sides alike");
  plan.put(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
           std::vector{static_cast<std::int64_t>(engine.workspace_bytes)});
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace backlight::emulator
