#include "engine/runtime/cuda/devices.hpp"

#include <cuda_runtime_api.h>

#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/cudnn.hpp"

namespace backlight::cuda {
namespace {

#ifdef BACKLIGHT_CUDA_EMULATED
constexpr Build kBuild = Build::emulated;
#else
constexpr Build kBuild = Build::real;
#endif

int attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  CUDA_CHECK(cudaDeviceGetAttribute(&value, name, device));
  return value;
}

DeviceInfo describe(int index) {
  cudaDeviceProp properties;
  CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
  return {.index = index,
          .name = properties.name,
          .capability_major = attribute(cudaDevAttrComputeCapabilityMajor, index),
          .capability_minor = attribute(cudaDevAttrComputeCapabilityMinor, index),
          .multiprocessors = attribute(cudaDevAttrMultiProcessorCount, index),
          .memory_bytes = properties.totalGlobalMem};
}

}  // namespace

Devices devices() {
  Devices all{.build = kBuild};
  int count = 0;
  if (const cudaError_t code = cudaGetDeviceCount(&count); code != cudaSuccess) {
    cudaGetLastError();
    all.obstacle = cudaGetErrorString(code);
    return all;
  }
  try {
    if (count > 0) {
      cublas();
      cudnn();
    }
    for (int index = 0; index < count; ++index) all.found.push_back(describe(index));
  } catch (const Error& error) {
    all.found.clear();
    all.obstacle = error.what();
    return all;
  }
  return all;
}

}  // namespace backlight::cuda
