// cuDNN's graph API with ownership and checks. A graph is described, planned and run by descriptors: objects
// whose attributes are set one by one until they are finalised.
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/core/error.hpp"

namespace backlight::cuda {

class Stream;

/// Throws an Error that names the call, the status, cuDNN's own explanation and the place, unless `status` is
/// CUDNN_STATUS_SUCCESS: unsupported where cuDNN does not support what was asked, internal for a bad
/// parameter, else resources.
void check(cudnnStatus_t status, const char* call, const char* file, int line);

#define BACKLIGHT_CUDNN_FUNCTIONS(X) \
  X(cudnnBackendCreateDescriptor)    \
  X(cudnnBackendDestroyDescriptor)   \
  X(cudnnBackendExecute)             \
  X(cudnnBackendFinalize)            \
  X(cudnnBackendGetAttribute)        \
  X(cudnnBackendSetAttribute)        \
  X(cudnnCreate)                     \
  X(cudnnDestroy)                    \
  X(cudnnGetErrorString)             \
  X(cudnnGetLastErrorString)         \
  X(cudnnGetVersion)                 \
  X(cudnnSetStream)

/// What is used of cuDNN: NVIDIA's functions under their own names.
struct CudnnFunctions {
#define BACKLIGHT_MEMBER(name) decltype(&::name) name;
  BACKLIGHT_CUDNN_FUNCTIONS(BACKLIGHT_MEMBER)
#undef BACKLIGHT_MEMBER
};
/// Loads the library when it is first called. Throws Error(resources) where it is missing, of another
/// release, or older than 9.8, which plans for a described device.
const CudnnFunctions& cudnn();

/// Calls one of them, and checks its status.
#define CUDNN_CALL(call) ::backlight::cuda::check(::backlight::cuda::cudnn().call, #call, __FILE__, __LINE__)

#define CUDNN_CHECK(call) ::backlight::cuda::check((call), #call, __FILE__, __LINE__)

template <class T>
inline constexpr auto cudnn_type = CUDNN_TYPE_INT64;
template <>
inline constexpr auto cudnn_type<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto cudnn_type<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto cudnn_type<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto cudnn_type<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto cudnn_type<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto cudnn_type<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto cudnn_type<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto cudnn_type<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto cudnn_type<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;

/// A backend descriptor.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  CudnnDescriptor(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept;
  ~CudnnDescriptor();

  cudnnBackendDescriptor_t get() const { return handle_; }

  template <class T>
  void set(cudnnBackendAttributeName_t name, const T& value) {
    set(name, std::span<const T>(&value, 1));
  }
  template <class T>
  void set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    set(name, cudnn_type<T>, static_cast<std::int64_t>(values.size()), values.data());
  }
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_);
  }
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void finalize();

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

/// The device that plans are made for: that of a handle, or one described by the JSON that cuDNN writes of a
/// device, which needs not be there.
CudnnDescriptor cudnn_device(cudnnHandle_t handle);
CudnnDescriptor cudnn_device(std::string_view json);

/// cuDNN for one stream: `stream.part<Cudnn>()`.
class Cudnn {
 public:
  explicit Cudnn(Stream& stream);

  /// The handle; makes the stream's device the current one.
  cudnnHandle_t handle() const;
  const CudnnDescriptor& device() const { return device_; }

 private:
  struct Close {
    void operator()(cudnnHandle_t handle) const { cudnn().cudnnDestroy(handle); }
  };
  using Handle = std::unique_ptr<cudnnContext, Close>;
  static Handle open(const Stream& stream);

  const Stream& stream_;
  Handle handle_;
  CudnnDescriptor device_;
};

}  // namespace backlight::cuda
