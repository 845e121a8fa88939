// Every call of CUDA is checked, and the error says which call it was.
#pragma once

#include <cuda_runtime_api.h>

namespace backlight::cuda {

/// Throws Error(resources) naming the call, the error and the place.
[[noreturn]] void fail(cudaError_t code, const char* call, const char* file, int line);

inline void check(cudaError_t code, const char* call, const char* file, int line) {
  if (code != cudaSuccess) fail(code, call, file, line);
}

}  // namespace backlight::cuda

#define CUDA_CHECK(call) ::backlight::cuda::check((call), #call, __FILE__, __LINE__)
