// Backend descriptors of the emulated cuDNN: what they hold and what their types allow.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace backlight::emulator {

struct Descriptor;
using DescriptorPtr = std::shared_ptr<const Descriptor>;

struct Value {
  cudnnBackendAttributeType_t type;
  std::int64_t count;
  std::vector<std::byte> bytes;         ///< of plain values
  std::vector<DescriptorPtr> children;  ///< of CUDNN_TYPE_BACKEND_DESCRIPTOR
};

struct Descriptor {
  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Value> values;

  bool has(cudnnBackendAttributeName_t name) const { return values.contains(name); }
  /// All elements of an attribute; none where it is not set.
  template <class T>
  std::vector<T> all(cudnnBackendAttributeName_t name) const {
    const auto it = values.find(name);
    if (it == values.end()) return {};
    std::vector<T> elements(static_cast<std::size_t>(it->second.count));
    std::memcpy(elements.data(), it->second.bytes.data(), elements.size() * sizeof(T));
    return elements;
  }
  /// The first element, or `otherwise`.
  template <class T>
  T one(cudnnBackendAttributeName_t name, T otherwise = {}) const {
    const auto it = values.find(name);
    if (it != values.end()) std::memcpy(&otherwise, it->second.bytes.data(), sizeof otherwise);
    return otherwise;
  }
  const std::vector<DescriptorPtr>& children(cudnnBackendAttributeName_t name) const;
  /// The first child; null where there is none.
  const Descriptor* child(cudnnBackendAttributeName_t name) const;
  template <class T>
  void put(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t value_type,
           const std::vector<T>& elements) {
    const auto* begin = reinterpret_cast<const std::byte*>(elements.data());
    values[name] = {value_type,
                    static_cast<std::int64_t>(elements.size()),
                    {begin, begin + elements.size() * sizeof(T)},
                    {}};
  }
};

/// Keeps `parts` for cudnnGetLastErrorString and returns `status`.
cudnnStatus_t fail(cudnnStatus_t status, const std::string& why);
template <class... Parts>
cudnnStatus_t fail(cudnnStatus_t status, const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return fail(status, out.str());
}

/// Whether all that a descriptor holds fits together; what it computes when it is finalised, it holds
/// afterwards.
cudnnStatus_t finalize_tensor(Descriptor& descriptor);
cudnnStatus_t finalize_convolution(Descriptor& descriptor);
cudnnStatus_t finalize_operation(Descriptor& descriptor);
cudnnStatus_t finalize_graph(Descriptor& descriptor);
cudnnStatus_t finalize_heuristics(Descriptor& descriptor);
cudnnStatus_t finalize_plan(Descriptor& descriptor);
cudnnStatus_t finalize_variant_pack(Descriptor& descriptor);
cudnnStatus_t finalize_device(Descriptor& descriptor);

/// The descriptor that a caller's pointer stands for; null for any other pointer.
std::shared_ptr<Descriptor> find_descriptor(cudnnBackendDescriptor_t handle);

using Extents = std::vector<std::int64_t>;
/// Of a tensor's descriptor.
inline Extents extents_of(const Descriptor* tensor) {
  return tensor->all<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
}

bool is_convolution(const Descriptor& operation);
/// x, w, y, convolution, alpha and beta of a convolution in any direction.
struct ConvAttributes {
  cudnnBackendAttributeName_t convolution, x, w, y, alpha, beta;
};
const ConvAttributes& conv_attributes(cudnnBackendDescriptorType_t operation);

/// An engine of the emulated library, by its number.
struct Engine {
  std::int64_t index;
  std::vector<cudnnBackendNumericalNote_t> notes;
  std::size_t workspace_bytes;
  bool rounds_to_tf32;
};
const Engine& engine_of(const Descriptor& plan);
DescriptorPtr graph_of(const Descriptor& plan);

}  // namespace backlight::emulator
