// Memory of a device, by who frees it when: in the order of a stream, never but for the next of the same
// size, or when no stream of the device uses it any more.
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"

namespace backlight::cuda {
namespace {

/// What all have in common: a stream, through which a block is read, and a count of what is handed out.
class CountingPool : public MemoryPool {
 public:
  explicit CountingPool(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

  void* allocate(std::size_t bytes) final {
    void* block = take(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ += bytes;
    peak_ = std::max(peak_, in_use_);
    return block;
  }
  void deallocate(void* block, std::size_t bytes) noexcept final {
    give(block, bytes);
    const std::lock_guard lock(mutex_);
    in_use_ -= bytes;
  }

  std::size_t bytes_in_use() const final {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  std::size_t peak_bytes() const final {
    const std::lock_guard lock(mutex_);
    return peak_;
  }
  int device() const final { return stream_->device(); }

  // Not through the stream's pinned memory, which belongs to the thread that works with the stream.
  void read(void* to, const void* from, std::size_t bytes) override {
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_->get()));
    CUDA_CHECK(cudaStreamSynchronize(stream_->handle()));
  }

 protected:
  Stream& stream() const { return *stream_; }

 private:
  virtual void* take(std::size_t bytes) = 0;
  virtual void give(void* block, std::size_t bytes) noexcept = 0;

  std::shared_ptr<Stream> stream_;
  mutable std::mutex mutex_;
  std::size_t in_use_ = 0, peak_ = 0;
};

/// Freed blocks stay with the stream's pool, which hands them out again in the order of the stream.
class OrderedPool final : public CountingPool {
 public:
  using CountingPool::CountingPool;

 private:
  void* take(std::size_t bytes) override { return stream().allocate(bytes); }
  void give(void* block, std::size_t) noexcept override { stream().free(block); }
};

/// Blocks by their size. A freed block goes to the next that asks for the same size; since all work is done
/// in one stream, whoever gets it runs after whoever had it.
class RecyclingPool final : public CountingPool {
 public:
  using CountingPool::CountingPool;
  ~RecyclingPool() override {
    for (const auto& [bytes, block] : free_) stream().free(block);
  }

 private:
  void* take(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    const auto known = free_.find(bytes);
    if (known == free_.end()) return stream().allocate(bytes);
    void* block = known->second;
    free_.erase(known);
    return block;
  }
  void give(void* block, std::size_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    free_.emplace(bytes, block);
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
};

/// cudaFree waits for all streams of the device; one of them may read the block in a pass of another thread.
class SharedPool final : public CountingPool {
 public:
  using CountingPool::CountingPool;

  // Another context may have written it, in a stream of its own.
  void read(void* to, const void* from, std::size_t bytes) override {
    stream().get();
    CUDA_CHECK(cudaDeviceSynchronize());
    CountingPool::read(to, from, bytes);
  }

 private:
  void* take(std::size_t bytes) override {
    stream().get();  // makes its device the current one
    void* block = nullptr;
    CUDA_CHECK(cudaMalloc(&block, std::max<std::size_t>(bytes, 1)));
    return block;
  }
  void give(void* block, std::size_t) noexcept override { cudaFree(block); }
};

}  // namespace

std::shared_ptr<MemoryPool> make_pool(std::shared_ptr<Stream> stream) {
  return std::make_shared<OrderedPool>(std::move(stream));
}

std::shared_ptr<MemoryPool> make_recycling_pool(std::shared_ptr<Stream> stream) {
  return std::make_shared<RecyclingPool>(std::move(stream));
}

std::shared_ptr<MemoryPool> make_shared_pool(std::shared_ptr<Stream> stream) {
  return std::make_shared<SharedPool>(std::move(stream));
}

}  // namespace backlight::cuda
