#include "engine/runtime/cuda/cudnn.hpp"

#include <array>
#include <utility>

#include "engine/runtime/cuda/library.hpp"

namespace backlight::cuda {
namespace {

CudnnFunctions load_cudnn() {
#ifdef BACKLIGHT_CUDA_EMULATED
#define BACKLIGHT_FIND(name) &::name,
#else
  const Library library("cuDNN", text("libcudnn.so.", CUDNN_MAJOR), BACKLIGHT_CUDNN_FOLDER);
#define BACKLIGHT_FIND(name) library.function<decltype(&::name)>(#name),
#endif
  const CudnnFunctions functions{BACKLIGHT_CUDNN_FUNCTIONS(BACKLIGHT_FIND)};
#undef BACKLIGHT_FIND
  require_version("cuDNN", functions.cudnnGetVersion(), CUDNN_MAJOR, 90800);
  return functions;
}

}  // namespace

const CudnnFunctions& cudnn() {
  static const CudnnFunctions functions = load_cudnn();
  return functions;
}

void check(cudnnStatus_t status, const char* call, const char* file, int line) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> why{};
  cudnn().cudnnGetLastErrorString(why.data(), why.size());
  const int category = status / 1000;
  const ErrorKind kind = category == 3   ? ErrorKind::unsupported
                         : category == 2 ? ErrorKind::internal
                                         : ErrorKind::resources;
  throw Error(kind, "[cudnn ", cudnn().cudnnGetVersion(), "] ", call,
              " failed: ", cudnn().cudnnGetErrorString(status), " (", why.data(), ") at ", file, ":", line);
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
  CUDNN_CALL(cudnnBackendCreateDescriptor(type, &handle_));
}

CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)) {}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

CudnnDescriptor::~CudnnDescriptor() {
  if (handle_) cudnn().cudnnBackendDestroyDescriptor(handle_);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                          std::int64_t count, const void* values) {
  CUDNN_CALL(cudnnBackendSetAttribute(handle_, name, type, count, values));
}

void CudnnDescriptor::finalize() { CUDNN_CALL(cudnnBackendFinalize(handle_)); }

CudnnDescriptor cudnn_device(cudnnHandle_t handle) {
  CudnnDescriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_HANDLE, handle);
  device.finalize();
  return device;
}

CudnnDescriptor cudnn_device(std::string_view json) {
  CudnnDescriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(json));
  device.finalize();
  return device;
}

}  // namespace backlight::cuda
