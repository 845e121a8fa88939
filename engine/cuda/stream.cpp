#include "engine/cuda/stream.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>

#include "engine/cuda/check.hpp"

namespace backlight::cuda {
namespace {

/// Freed blocks stay with the driver's pool of the device, which hands them out again in stream order.
class DevicePool final : public MemoryPool {
 public:
  explicit DevicePool(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

  void* allocate(std::size_t bytes) override {
    void* block = nullptr;
    CUDA_CHECK(cudaMallocAsync(&block, std::max<std::size_t>(bytes, 1), stream_->get()));
    const std::lock_guard lock(mutex_);
    in_use_ += bytes;
    peak_ = std::max(peak_, in_use_);
    return block;
  }

  // Where the device is lost, freeing fails, and its memory is lost with it.
  void deallocate(void* block, std::size_t bytes) noexcept override {
    cudaFreeAsync(block, stream_->handle());
    const std::lock_guard lock(mutex_);
    in_use_ -= bytes;
  }

  std::size_t bytes_in_use() const override {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  std::size_t peak_bytes() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }
  int device() const override { return stream_->device(); }

 private:
  std::shared_ptr<Stream> stream_;
  mutable std::mutex mutex_;
  std::size_t in_use_ = 0, peak_ = 0;
};

}  // namespace

Stream::Stream(int device) : device_(device) {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver)
    throw Error(ErrorKind::resources, "no CUDA device can be used: ", cudaGetErrorString(code));
  CUDA_CHECK(code);
  if (device >= count)
    throw Error(ErrorKind::resources, "device cuda:", device, " was asked for, but this machine has ", count,
                count == 1 ? " CUDA device" : " CUDA devices");
  CUDA_CHECK(cudaSetDevice(device));
  cudaMemPool_t pool = nullptr;
  CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool, device));
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

std::shared_ptr<Stream> open_stream(int device) { return std::make_shared<Stream>(device); }

std::shared_ptr<MemoryPool> make_pool(std::shared_ptr<Stream> stream) {
  return std::make_shared<DevicePool>(std::move(stream));
}

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

void tune(Stream& stream, bool on) { stream.tune(on); }

void synchronize(Stream& stream) { CUDA_CHECK(cudaStreamSynchronize(stream.get())); }

}  // namespace backlight::cuda
