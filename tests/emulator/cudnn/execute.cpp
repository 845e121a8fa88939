// Handles, and the execution of plans.
#include <cuda_fp16.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "../runtime/runtime.hpp"
#include "convolution.hpp"
#include "descriptor.hpp"

struct cudnnContext {
  int device = 0;  ///< that was the current one when the handle was made
  cudaStream_t stream = nullptr;
};

namespace backlight::emulator {
namespace {

constexpr int kScribble = 0xFF;  // NaN in every format

struct Array {
  const Descriptor* tensor;
  std::byte* address;

  std::int64_t extent(std::size_t i) const { return extents()[i]; }
  std::vector<std::int64_t> extents() const {
    return tensor->all<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
  }
  bool is_half() const {
    return tensor->one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE) == CUDNN_DATA_HALF;
  }
  /// Bytes from the first element to the end of the last.
  std::size_t bytes() const {
    const auto strides = tensor->all<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
    std::int64_t last = 0;
    for (std::size_t i = 0; i < strides.size(); ++i) last += (extent(i) - 1) * strides[i];
    return static_cast<std::size_t>(last + 1) * (is_half() ? 2 : 4);
  }
};

/// fn(index in a dense NCHW array, index in memory) for every element.
template <class Fn>
void for_every_element(const Array& array, Fn&& fn) {
  const auto e = array.extents(), s = array.tensor->all<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
  std::size_t dense = 0;
  for (std::int64_t a = 0; a < e[0]; ++a)
    for (std::int64_t b = 0; b < e[1]; ++b)
      for (std::int64_t c = 0; c < e[2]; ++c)
        for (std::int64_t d = 0; d < e[3]; ++d)
          fn(dense++, static_cast<std::size_t>(a * s[0] + b * s[1] + c * s[2] + d * s[3]));
}

/// Rounds to the 10 bits of TF32's mantissa, to the nearest, ties to even.
float to_tf32(float value) {
  if (!std::isfinite(value)) return value;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  bits += 0x0fffu + (bits >> 13 & 1u);
  return std::bit_cast<float>(bits & ~0x1fffu);
}

std::vector<float> load(const Array& array) {
  std::vector<float> values(array.bytes() / (array.is_half() ? 2 : 4));
  for_every_element(array, [&](std::size_t to, std::size_t from) {
    if (array.is_half()) {
      __half half;
      std::memcpy(&half, array.address + from * sizeof half, sizeof half);
      values[to] = __half2float(half);
    } else {
      std::memcpy(&values[to], array.address + from * sizeof(float), sizeof(float));
    }
  });
  return values;
}

void store(const Array& array, const std::vector<float>& values) {
  for_every_element(array, [&](std::size_t from, std::size_t to) {
    if (array.is_half()) {
      const __half half = __float2half_rn(values[from]);
      std::memcpy(array.address + to * sizeof half, &half, sizeof half);
    } else {
      std::memcpy(array.address + to * sizeof(float), &values[from], sizeof(float));
    }
  });
}

/// A plan with its memory: what is enqueued.
struct Execution {
  DescriptorPtr graph;
  Engine engine;
  std::map<std::int64_t, std::byte*> addresses;
  std::byte* workspace;
  int device;

  Array array(const Descriptor* tensor) const {
    const auto at = addresses.find(tensor->one<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID));
    return {tensor, at == addresses.end() ? nullptr : at->second};
  }
  /// Every tensor that lies in memory.
  std::vector<Array> arrays() const;
  std::string fault() const;
  cudaError_t run() const;
  std::vector<float> convolve(const Descriptor& operation) const;
};

std::vector<Array> Execution::arrays() const {
  std::vector<Array> all;
  const auto add = [&](const Descriptor* tensor) {
    if (tensor && !tensor->one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL)) all.push_back(array(tensor));
  };
  for (const DescriptorPtr& operation : graph->children(CUDNN_ATTR_OPERATIONGRAPH_OPS)) {
    if (is_convolution(*operation)) {
      const ConvAttributes& names = conv_attributes(operation->type);
      for (const auto name : {names.x, names.w, names.y}) add(operation->child(name));
    } else {
      add(operation->child(CUDNN_ATTR_OPERATION_POINTWISE_BDESC));
      add(operation->child(CUDNN_ATTR_OPERATION_POINTWISE_YDESC));
    }
  }
  return all;
}

/// Why the plan may not run on its memory; empty where it may.
std::string Execution::fault() const {
  Runtime& r = runtime();
  std::ostringstream out;
  for (const Array& a : arrays()) {
    const auto id = a.tensor->one<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
    const auto alignment = a.tensor->one<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
    if (!r.on_device(a.address))
      out << "cuDNN's tensor " << id << " is no device memory, or was freed";
    else if (const std::string where = r.elsewhere(a.address, device); !where.empty())
      out << "cuDNN's tensor " << id << " " << where;
    else if (!r.whole(a.address, a.bytes()))
      out << "cuDNN's tensor " << id << " of " << a.bytes() << " bytes goes past the end of its block";
    else if (reinterpret_cast<std::uintptr_t>(a.address) % static_cast<std::uintptr_t>(alignment) != 0)
      out << "cuDNN's tensor " << id << " is not aligned to " << alignment << " bytes";
    if (out.tellp() > 0) return out.str();
  }
  if (engine.workspace_bytes > 0 && (!r.on_device(workspace) || !r.whole(workspace, engine.workspace_bytes)))
    out << "cuDNN's workspace is not " << engine.workspace_bytes << " bytes of device memory";
  else if (const std::string where = r.elsewhere(workspace, device);
           engine.workspace_bytes > 0 && !where.empty())
    out << "cuDNN's workspace " << where;
  return out.str();
}

std::vector<float> Execution::convolve(const Descriptor& operation) const {
  const ConvAttributes& names = conv_attributes(operation.type);
  const Array x = array(operation.child(names.x)), w = array(operation.child(names.w)),
              y = array(operation.child(names.y));
  const Descriptor& conv = *operation.child(names.convolution);
  const auto pair = [&](cudnnBackendAttributeName_t name) {
    const auto values = conv.all<std::int64_t>(name);
    return std::array{values[0], values[1]};
  };
  const ConvGeometry g{.n = x.extent(0),
                       .c = x.extent(1),
                       .o = w.extent(0),
                       .groups = x.extent(1) / w.extent(1),
                       .in = {x.extent(2), x.extent(3)},
                       .kernel = {w.extent(2), w.extent(3)},
                       .out = {y.extent(2), y.extent(3)},
                       .before = pair(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
                       .stride = pair(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
                       .dilation = pair(CUDNN_ATTR_CONVOLUTION_DILATIONS)};
  const auto operand = [&](const Array& a) {
    std::vector<float> values = load(a);
    if (engine.rounds_to_tf32 && !a.is_half()) std::ranges::transform(values, values.begin(), to_tf32);
    return values;
  };
  std::vector<float> result;
  const Array* target = nullptr;
  const auto prepare = [&](const Array& a) {
    target = &a;
    std::int64_t count = 1;
    for (const std::int64_t extent : a.extents()) count *= extent;
    result.resize(static_cast<std::size_t>(count));
  };
  if (operation.type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) {
    prepare(y);
    convolve_forward(g, operand(x).data(), operand(w).data(), result.data());
  } else if (operation.type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR) {
    prepare(x);
    convolve_backward_data(g, operand(y).data(), operand(w).data(), result.data());
  } else {
    prepare(w);
    convolve_backward_filter(g, operand(x).data(), operand(y).data(), result.data());
  }
  const float alpha = operation.one<float>(names.alpha, 1), beta = operation.one<float>(names.beta, 0);
  const std::vector<float> before = beta != 0 ? load(*target) : std::vector<float>(result.size());
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = alpha * result[i] + (beta != 0 ? beta * before[i] : 0.0f);
  return result;
}

cudaError_t Execution::run() const {
  Runtime& r = runtime();
  if (const std::string what = fault(); !what.empty()) return r.error(cudaErrorIllegalAddress, what);
  if (engine.workspace_bytes > 0) std::memset(workspace, kScribble, engine.workspace_bytes);
  const std::vector<DescriptorPtr>& operations = graph->children(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  std::vector<float> value = convolve(*operations.front());
  const ConvAttributes& names = conv_attributes(operations.front()->type);
  const bool forward = operations.front()->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
  const bool data = operations.front()->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
  const Descriptor* target = operations.front()->child(forward ? names.y : data ? names.x : names.w);
  for (std::size_t i = 1; i < operations.size(); ++i) {
    const Descriptor& op = *operations[i];
    target = op.child(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    const Descriptor* b = op.child(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    if (!b) {
      for (float& element : value) element = element < 0 ? 0.0f : element;
      continue;
    }
    const Array added = array(b);
    const std::vector<float> terms = load(added);
    const std::size_t channels = terms.size() == value.size() ? 0 : terms.size();
    const Array y{target, nullptr};
    const auto plane = static_cast<std::size_t>(y.extent(2) * y.extent(3));
    for (std::size_t k = 0; k < value.size(); ++k) value[k] += terms[channels ? k / plane % channels : k];
  }
  store(array(target), value);
  if (engine.workspace_bytes > 0) std::memset(workspace, kScribble, engine.workspace_bytes);
  if (const std::string damage = r.damage(); !damage.empty()) return r.error(cudaErrorIllegalAddress, damage);
  return cudaSuccess;
}

}  // namespace

cudnnStatus_t finalize_variant_pack(Descriptor& pack) {
  const auto ids = pack.all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  if (ids.size() != pack.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).size())
    return fail(CUDNN_STATUS_BAD_PARAM, "as many pointers as identifiers are needed");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_device(Descriptor& device) {
  if (device.has(CUDNN_ATTR_DEVICEPROP_HANDLE) == device.has(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION))
    return fail(CUDNN_STATUS_BAD_PARAM, "a device is described by a handle or by its properties");
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

size_t cudnnGetVersion() { return 91900; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
#define BACKLIGHT_NAME(code) \
  case code:                 \
    return #code
  switch (status) {
    BACKLIGHT_NAME(CUDNN_STATUS_SUCCESS);
    BACKLIGHT_NAME(CUDNN_STATUS_NOT_INITIALIZED);
    BACKLIGHT_NAME(CUDNN_STATUS_BAD_PARAM);
    BACKLIGHT_NAME(CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    BACKLIGHT_NAME(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH);
    BACKLIGHT_NAME(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    BACKLIGHT_NAME(CUDNN_STATUS_NOT_SUPPORTED);
    BACKLIGHT_NAME(CUDNN_STATUS_INTERNAL_ERROR);
    BACKLIGHT_NAME(CUDNN_STATUS_EXECUTION_FAILED);
  }
#undef BACKLIGHT_NAME
  return "CUDNN_UNKNOWN_STATUS";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!handle) return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for the handle");
  if (r.refuse_in_capture("cudnnCreate"))
    return fail(CUDNN_STATUS_INTERNAL_ERROR, "a stream is being captured");
  *handle = new cudnnContext{.device = current_device()};
  r.objects[*handle] = "cuDNN handles";
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  const std::lock_guard lock(runtime().mutex);
  if (!runtime().objects.erase(handle)) return fail(CUDNN_STATUS_BAD_PARAM, "no handle");
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  const std::lock_guard lock(runtime().mutex);
  if (!handle || !runtime().stream(stream)) return fail(CUDNN_STATUS_BAD_PARAM, "no handle or no stream");
  if (stream && stream != cudaStreamLegacy && stream->device != handle->device)
    return fail(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, "a handle of device ", handle->device,
                " was given a stream of device ", stream->device);
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t variant_pack) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  const auto how = find_descriptor(plan), pack = find_descriptor(variant_pack);
  if (!handle || !how || !pack || how->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
      pack->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR || !how->finalized || !pack->finalized)
    return fail(CUDNN_STATUS_BAD_PARAM, "a handle, a plan and a variant pack are needed");
  if (current_device() != handle->device)
    return fail(CUDNN_STATUS_BAD_PARAM, "a handle of device ", handle->device, " was used while device ",
                current_device(), " is the current one");
  if (std::ranges::count(r.options.failing_engines, engine_of(*how).index) > 0)
    return fail(CUDNN_STATUS_EXECUTION_FAILED, "engine ", engine_of(*how).index, " fails, as it was told to");
  Execution execution{graph_of(*how), engine_of(*how), {}, nullptr, handle->device};
  execution.workspace = static_cast<std::byte*>(pack->one<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE));
  const auto ids = pack->all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = pack->all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  for (std::size_t i = 0; i < ids.size(); ++i)
    execution.addresses[ids[i]] = static_cast<std::byte*>(pointers[i]);
  for (const Array& array : execution.arrays())
    if (!array.address)
      return fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the variant pack lacks a tensor of the plan");
  if (r.enqueue(handle->stream, {[execution = std::move(execution)] { return execution.run(); }}))
    return fail(CUDNN_STATUS_EXECUTION_FAILED, "the stream refused the work");
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
