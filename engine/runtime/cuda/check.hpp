// Every call of CUDA is checked, and the error says which call it was.
#pragma once

#include <cuda_runtime_api.h>

#include "engine/core/error.hpp"

namespace backlight::cuda {

/// Throws Error(resources) naming the call, the error and the place, unless `code` is cudaSuccess.
inline void check(cudaError_t code, const char* call, const char* file, int line) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // an error that was reported is not reported again
  throw Error(ErrorKind::resources, "[cuda] ", call, " failed: ", cudaGetErrorName(code), " (",
              cudaGetErrorString(code), ") at ", file, ":", line);
}

}  // namespace backlight::cuda

#define CUDA_CHECK(call) ::backlight::cuda::check((call), #call, __FILE__, __LINE__)
