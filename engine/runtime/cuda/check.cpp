#include "engine/runtime/cuda/check.hpp"

#include "engine/core/error.hpp"

namespace backlight::cuda {

void fail(cudaError_t code, const char* call, const char* file, int line) {
  cudaGetLastError();  // an error that was reported is not reported again
  throw Error(ErrorKind::resources, "[cuda] ", call, " failed: ", cudaGetErrorName(code), " (",
              cudaGetErrorString(code), ") at ", file, ":", line);
}

}  // namespace backlight::cuda
