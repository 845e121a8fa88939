#include "engine/cuda/cudnn.hpp"
#include "engine/cuda/stream.hpp"

namespace backlight::cuda {

Cudnn::Cudnn(Stream& stream) : device_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
  const cudaStream_t handle = stream.get();
  CUDNN_CHECK(cudnnCreate(&handle_));
  try {
    CUDNN_CHECK(cudnnSetStream(handle_, handle));
    device_ = cudnn_device(handle_);
  } catch (...) {
    cudnnDestroy(handle_);
    throw;
  }
}

Cudnn::~Cudnn() { cudnnDestroy(handle_); }

}  // namespace backlight::cuda
