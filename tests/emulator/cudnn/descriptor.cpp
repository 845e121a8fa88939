// The backend API: create, set, finalise, get. Which attributes a type has, and of which kind, is one table.
#include "descriptor.hpp"

#include <algorithm>
#include <cstring>

#include "../runtime/runtime.hpp"

namespace backlight::emulator {
namespace {

struct Rule {
  cudnnBackendDescriptorType_t owner;
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  std::int64_t most;  ///< elements
  bool required;
  bool settable = true;
};

#define BACKLIGHT_CONV_RULES(owner, prefix, x, w, y)                  \
  {owner, prefix##CONV_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true}, \
      {owner, prefix##x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},     \
      {owner, prefix##w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},     \
      {owner, prefix##y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},     \
      {owner, prefix##ALPHA, CUDNN_TYPE_FLOAT, 1, false}, {           \
    owner, prefix##BETA, CUDNN_TYPE_FLOAT, 1, false                   \
  }

constexpr Rule kRules[] = {
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 8, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 8, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, false},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1,
     true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 3, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 3, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 3, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 3, true},
    {CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, true},
    {CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, true},
    BACKLIGHT_CONV_RULES(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_, X, W, Y),
    BACKLIGHT_CONV_RULES(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_, DX, W, DY),
    BACKLIGHT_CONV_RULES(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_, X, DW, DY),
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, false},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
     64, true},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, true},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
     true},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 64,
     false, false},
    {CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_ENGINE_DESCRIPTOR, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, true},
    {CUDNN_BACKEND_ENGINE_DESCRIPTOR, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, 10, false,
     false},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, true},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
     false, false},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 64, true},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 64,
     true},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, false},
    {CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, 1, false},
    {CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 1 << 20,
     false},
};
#undef BACKLIGHT_CONV_RULES

const Rule* find_rule(const Descriptor& descriptor, cudnnBackendAttributeName_t name) {
  const auto* rule = std::ranges::find_if(
      kRules, [&](const Rule& r) { return r.owner == descriptor.type && r.name == name; });
  return rule == std::end(kRules) ? nullptr : rule;
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    default:
      return 4;
  }
}

std::map<cudnnBackendDescriptor_t, std::shared_ptr<Descriptor>>& descriptors() {
  static std::map<cudnnBackendDescriptor_t, std::shared_ptr<Descriptor>> all;
  return all;
}

thread_local std::string last_error;

cudnnStatus_t finalize_by_type(Descriptor& descriptor) {
  switch (descriptor.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return finalize_tensor(descriptor);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      return finalize_convolution(descriptor);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return finalize_operation(descriptor);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      return finalize_graph(descriptor);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      return finalize_heuristics(descriptor);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return finalize_plan(descriptor);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      return finalize_variant_pack(descriptor);
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
      return finalize_device(descriptor);
    default:
      return CUDNN_STATUS_SUCCESS;
  }
}

}  // namespace

cudnnStatus_t fail(cudnnStatus_t status, const std::string& why) {
  last_error = why;
  return status;
}

const std::vector<DescriptorPtr>& Descriptor::children(cudnnBackendAttributeName_t name) const {
  static const std::vector<DescriptorPtr> kNone;
  const auto it = values.find(name);
  return it == values.end() ? kNone : it->second.children;
}

const Descriptor* Descriptor::child(cudnnBackendAttributeName_t name) const {
  const std::vector<DescriptorPtr>& all = children(name);
  return all.empty() ? nullptr : all.front().get();
}

std::shared_ptr<Descriptor> find_descriptor(cudnnBackendDescriptor_t handle) {
  const auto it = descriptors().find(handle);
  return it == descriptors().end() ? nullptr : it->second;
}

}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

void cudnnGetLastErrorString(char* message, size_t max_size) {
  if (max_size == 0) return;
  const std::size_t length = std::min(max_size - 1, last_error.size());
  std::memcpy(message, last_error.data(), length);
  message[length] = '\0';
  last_error.clear();
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  const std::lock_guard lock(runtime().mutex);
  if (!descriptor) return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for the descriptor");
  const bool known = std::ranges::any_of(kRules, [&](const Rule& rule) { return rule.owner == type; });
  if (!known) return fail(CUDNN_STATUS_NOT_SUPPORTED, "descriptors of type ", type, " are not emulated");
  auto made = std::make_shared<Descriptor>(Descriptor{type, false, {}});
  *descriptor = made.get();
  runtime().objects[made.get()] = "cuDNN descriptors";
  descriptors()[made.get()] = std::move(made);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  const std::lock_guard lock(runtime().mutex);
  if (!descriptors().erase(descriptor)) return fail(CUDNN_STATUS_BAD_PARAM, "no descriptor");
  runtime().objects.erase(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t handle, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void* elements) {
  const std::lock_guard lock(runtime().mutex);
  const auto descriptor = find_descriptor(handle);
  if (!descriptor) return fail(CUDNN_STATUS_BAD_PARAM, "no descriptor");
  if (descriptor->finalized) return fail(CUDNN_STATUS_BAD_PARAM, "the descriptor is finalised");
  const Rule* rule = find_rule(*descriptor, name);
  if (!rule || !rule->settable)
    return fail(CUDNN_STATUS_BAD_PARAM, "attribute ", name, " cannot be set on a descriptor of type ",
                descriptor->type);
  if (type != rule->type)
    return fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "attribute ", name, " has type ", rule->type);
  if (!elements || count < 1 || count > rule->most)
    return fail(CUDNN_STATUS_BAD_PARAM, count, " elements for attribute ", name);
  const auto* bytes = static_cast<const std::byte*>(elements);
  Value value{type, count, {bytes, bytes + static_cast<std::size_t>(count) * size_of(type)}, {}};
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (std::int64_t i = 0; i < count; ++i) {
      value.children.push_back(find_descriptor(static_cast<void* const*>(elements)[i]));
      if (!value.children.back())
        return fail(CUDNN_STATUS_BAD_PARAM, "attribute ", name, " is set to no descriptor");
    }
  }
  descriptor->values[name] = std::move(value);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t handle) {
  const std::lock_guard lock(runtime().mutex);
  const auto descriptor = find_descriptor(handle);
  if (!descriptor) return fail(CUDNN_STATUS_BAD_PARAM, "no descriptor");
  if (descriptor->finalized) return fail(CUDNN_STATUS_BAD_PARAM, "the descriptor is finalised");
  for (const Rule& rule : kRules) {
    if (rule.owner != descriptor->type) continue;
    if (rule.required && !descriptor->has(rule.name))
      return fail(CUDNN_STATUS_BAD_PARAM, "attribute ", rule.name, " is missing");
    for (const DescriptorPtr& child : descriptor->children(rule.name))
      if (!child->finalized)
        return fail(CUDNN_STATUS_BAD_PARAM, "attribute ", rule.name, " is not finalised");
  }
  const cudnnStatus_t status = finalize_by_type(*descriptor);
  descriptor->finalized = status == CUDNN_STATUS_SUCCESS;
  return status;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const handle,
                                       cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                       int64_t requested, int64_t* count, void* elements) {
  const std::lock_guard lock(runtime().mutex);
  const auto descriptor = find_descriptor(handle);
  if (!descriptor) return fail(CUDNN_STATUS_BAD_PARAM, "no descriptor");
  if (!descriptor->finalized) return fail(CUDNN_STATUS_NOT_INITIALIZED, "the descriptor is not finalised");
  const Rule* rule = find_rule(*descriptor, name);
  if (!rule)
    return fail(CUDNN_STATUS_BAD_PARAM, "a descriptor of type ", descriptor->type, " has no attribute ",
                name);
  if (type != rule->type)
    return fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "attribute ", name, " has type ", rule->type);
  const Value& value = descriptor->values[name];
  if (requested == 0) {
    *count = value.count;
    return CUDNN_STATUS_SUCCESS;
  }
  *count = std::min(requested, value.count);
  if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    std::memcpy(elements, value.bytes.data(), static_cast<std::size_t>(*count) * size_of(type));
    return CUDNN_STATUS_SUCCESS;
  }
  for (std::int64_t i = 0; i < *count; ++i) {  // the caller's descriptors take over what these hold
    const auto target = find_descriptor(static_cast<void**>(elements)[i]);
    const Descriptor& source = *value.children[static_cast<std::size_t>(i)];
    if (!target || target->type != source.type)
      return fail(CUDNN_STATUS_BAD_PARAM, "attribute ", name, " needs descriptors of type ", source.type);
    *target = source;
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
