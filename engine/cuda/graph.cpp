// What an explanation that is recorded once and replayed needs: the recording, and memory that stays.
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/cuda/check.hpp"
#include "engine/cuda/stream.hpp"

namespace backlight::cuda {

class Graph {
 public:
  /// `memory` holds the blocks that the recorded work uses and nobody owns.
  Graph(cudaGraph_t graph, std::shared_ptr<MemoryPool> memory) : memory_(std::move(memory)) {
    const cudaError_t code = cudaGraphInstantiate(&executable_, graph);
    cudaGraphDestroy(graph);
    CUDA_CHECK(code);
  }
  ~Graph() { cudaGraphExecDestroy(executable_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) { CUDA_CHECK(cudaGraphLaunch(executable_, stream)); }

 private:
  std::shared_ptr<MemoryPool> memory_;
  cudaGraphExec_t executable_ = nullptr;
};

namespace {

/// Blocks by their size. A freed block goes to the next that asks for the same size; since all work is done
/// in one stream, whoever gets it runs after whoever had it.
class RecyclingPool final : public MemoryPool {
 public:
  explicit RecyclingPool(std::shared_ptr<MemoryPool> from) : from_(std::move(from)) {}
  ~RecyclingPool() override {
    for (const auto& [bytes, block] : free_) from_->deallocate(block, bytes);
  }

  void* allocate(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    void* block = nullptr;
    if (const auto known = free_.find(bytes); known != free_.end()) {
      block = known->second;
      free_.erase(known);
    } else {
      block = from_->allocate(bytes);
    }
    in_use_ += bytes;
    peak_ = std::max(peak_, in_use_);
    return block;
  }
  void deallocate(void* block, std::size_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    in_use_ -= bytes;
    free_.emplace(bytes, block);
  }

  std::size_t bytes_in_use() const override {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  std::size_t peak_bytes() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }
  int device() const override { return from_->device(); }

 private:
  std::shared_ptr<MemoryPool> from_;
  mutable std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::size_t in_use_ = 0, peak_ = 0;
};

}  // namespace

std::shared_ptr<MemoryPool> make_recycling_pool(std::shared_ptr<Stream> stream) {
  return std::make_shared<RecyclingPool>(make_pool(std::move(stream)));
}

std::shared_ptr<Graph> capture(Stream& stream, std::shared_ptr<MemoryPool> memory,
                               const std::function<void()>& work) {
  const cudaStream_t handle = stream.get();
  CUDA_CHECK(cudaStreamBeginCapture(handle, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    if (cudaStreamEndCapture(handle, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  CUDA_CHECK(cudaStreamEndCapture(handle, &graph));
  return std::make_shared<Graph>(graph, std::move(memory));
}

void replay(Stream& stream, Graph& graph) { graph.launch(stream.get()); }

}  // namespace backlight::cuda
