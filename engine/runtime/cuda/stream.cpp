#include "engine/runtime/cuda/stream.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/cudnn.hpp"
#include "engine/runtime/cuda/enqueue.hpp"
#include "engine/runtime/device.hpp"

namespace backlight::cuda {
Stream::Stream(int device) : device_(device) {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver)
    throw Error(ErrorKind::resources, "no CUDA device can be used: ", cudaGetErrorString(code));
  CUDA_CHECK(code);
  if (device >= count)
    throw Error(ErrorKind::resources, "device cuda:", device, " was asked for, but this machine has ", count,
                count == 1 ? " CUDA device" : " CUDA devices");
  cublas();
  cudnn();
  CUDA_CHECK(cudaSetDevice(device));
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, device};
  cudaMemPool_t pool = nullptr;
  CUDA_CHECK(cudaMemPoolCreate(&pool, &properties));
  pool_.reset(pool);
  std::uint64_t keep_all = std::numeric_limits<std::uint64_t>::max();
  CUDA_CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep_all));
  CUDA_CHECK(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking));
}

Stream::~Stream() {
  cudaSetDevice(device_);  // libraries release their handles on the current device
  while (!parts_.empty()) parts_.pop_back();
  cudaStreamDestroy(handle_);
}

bool Stream::capturing() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  CUDA_CHECK(cudaStreamIsCapturing(get(), &status));
  return status != cudaStreamCaptureStatusNone;
}

cudaStream_t Stream::get() const {
  CUDA_CHECK(cudaSetDevice(device_));
  return handle_;
}

void* Stream::allocate(std::size_t bytes) {
  if (capturing())
    throw Error(ErrorKind::internal, "memory of ", bytes,
                " bytes is needed while a graph is captured: run the same work once before it is captured");
  void* block = nullptr;
  CUDA_CHECK(cudaMallocFromPoolAsync(&block, std::max<std::size_t>(bytes, 1), pool_.get(), get()));
  return block;
}

// Where the device is lost, freeing fails, and its memory is lost with it.
void Stream::free(void* block) noexcept { cudaFreeAsync(block, handle_); }

std::shared_ptr<Stream> open_stream(int device) { return std::make_shared<Stream>(device); }

void upload(Stream& stream, void* to, const void* from, std::size_t bytes) {
  stream.staging().upload(stream.get(), to, from, bytes);
}

void download(Stream& stream, void* to, const void* from, std::size_t bytes) {
  stream.staging().download(stream.get(), to, from, bytes);
}

void copy(Stream& stream, void* to, const void* from, std::size_t bytes) {
  CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream.get()));
}

// Where one device cannot reach the other, only this call copies what lies in a stream-ordered pool.
void copy_between(Stream& stream, void* to, const void* from, int from_device, std::size_t bytes) {
  CUDA_CHECK(cudaMemcpyPeerAsync(to, stream.device(), from, from_device, bytes, stream.get()));
  synchronize(stream);
}

void clear(Stream& stream, void* block, std::size_t bytes) {
  CUDA_CHECK(cudaMemsetAsync(block, 0, bytes, stream.get()));
}

cudaStream_t stream_of(const Context& context) { return context.stream().get(); }

void enqueue_copy(const Context& context, void* to, const void* from, std::size_t bytes) {
  copy(context.stream(), to, from, bytes);
}

void enqueue_clear(const Context& context, void* block, std::size_t bytes) {
  clear(context.stream(), block, bytes);
}

void tune(Stream& stream, bool on) { stream.tune(on); }

void synchronize(Stream& stream) { CUDA_CHECK(cudaStreamSynchronize(stream.get())); }

}  // namespace backlight::cuda
