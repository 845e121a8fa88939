// The devices, their attributes, and the names of errors.
#include <cstring>

#include "runtime.hpp"

using namespace backlight::emulator;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = runtime().options.devices;
  return runtime().error(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device();
  return cudaSuccess;
}
// Makes a context there, and may return what earlier work came to.
cudaError_t cudaSetDevice(int device) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!r.exists(device)) return r.error(cudaErrorInvalidDevice);
  r.device(device);
  current_device() = device;
  return r.error(r.sticky);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!runtime().exists(device)) return runtime().error(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "emulated device");
  properties->totalGlobalMem = runtime().options.memory_bytes;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (!runtime().exists(device)) return runtime().error(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = 1024;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = 4 + device;  // so that it shows whose attribute it is
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = 1 << 20;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = 227 << 10;
      return cudaSuccess;
  }
  return runtime().error(cudaErrorInvalidValue);
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return runtime().last_error(true); }
cudaError_t cudaPeekAtLastError() { return runtime().last_error(false); }

const char* cudaGetErrorName(cudaError_t error) {
#define BACKLIGHT_NAME(code) \
  case code:                 \
    return #code
  switch (error) {
    BACKLIGHT_NAME(cudaSuccess);
    BACKLIGHT_NAME(cudaErrorInvalidValue);
    BACKLIGHT_NAME(cudaErrorMemoryAllocation);
    BACKLIGHT_NAME(cudaErrorInvalidConfiguration);
    BACKLIGHT_NAME(cudaErrorInvalidMemcpyDirection);
    BACKLIGHT_NAME(cudaErrorInsufficientDriver);
    BACKLIGHT_NAME(cudaErrorNoDevice);
    BACKLIGHT_NAME(cudaErrorInvalidDevice);
    BACKLIGHT_NAME(cudaErrorInvalidResourceHandle);
    BACKLIGHT_NAME(cudaErrorNotReady);
    BACKLIGHT_NAME(cudaErrorIllegalAddress);
    BACKLIGHT_NAME(cudaErrorMisalignedAddress);
    BACKLIGHT_NAME(cudaErrorLaunchFailure);
    BACKLIGHT_NAME(cudaErrorNotSupported);
    BACKLIGHT_NAME(cudaErrorStreamCaptureUnsupported);
    BACKLIGHT_NAME(cudaErrorStreamCaptureInvalidated);
    BACKLIGHT_NAME(cudaErrorStreamCaptureUnmatched);
    BACKLIGHT_NAME(cudaErrorStreamCaptureUnjoined);
    BACKLIGHT_NAME(cudaErrorStreamCaptureIsolation);
    BACKLIGHT_NAME(cudaErrorStreamCaptureImplicit);
    BACKLIGHT_NAME(cudaErrorUnknown);
  }
#undef BACKLIGHT_NAME
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  const std::string& report = runtime().report;
  return error != cudaSuccess && error == runtime().sticky && !report.empty() ? report.c_str()
                                                                              : cudaGetErrorName(error);
}

}  // extern "C"
