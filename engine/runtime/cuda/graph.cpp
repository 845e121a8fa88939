// What is recorded once and replayed.
#include <utility>

#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"

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

std::shared_ptr<Graph> capture(Stream& stream, std::shared_ptr<MemoryPool> memory, FunctionRef<void()> work) {
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
