#include "engine/runtime/cuda/cudnn.hpp"
#include "engine/runtime/cuda/stream.hpp"

namespace backlight::cuda {

Cudnn::Cudnn(Stream& stream) : stream_(stream), handle_(open(stream)), device_(cudnn_device(handle_.get())) {}

Cudnn::Handle Cudnn::open(const Stream& stream) {
  const cudaStream_t where = stream.get();
  cudnnHandle_t handle = nullptr;
  CUDNN_CALL(cudnnCreate(&handle));
  Handle owner(handle);
  CUDNN_CALL(cudnnSetStream(handle, where));
  return owner;
}

cudnnHandle_t Cudnn::handle() const {
  stream_.get();
  return handle_.get();
}

}  // namespace backlight::cuda
