#include "engine/runtime/cuda/workspace.hpp"

#include "engine/runtime/cuda/stream.hpp"

namespace backlight::cuda {

Workspace::Workspace(Stream& stream) : stream_(stream) {}

Workspace::~Workspace() {
  for (void* block : graphs_blocks_) stream_.free(block);
  if (block_) stream_.free(block_);
}

void* Workspace::reserve(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const bool capturing = stream_.capturing();
  if (bytes > bytes_) {
    if (capturing)
      throw Error(ErrorKind::internal, "a workspace of ", bytes,
                  " bytes is needed while a graph is captured, but ", bytes_,
                  " are there: run the same work once before it is captured");
    void* block = stream_.allocate(bytes);
    if (in_graph_)
      graphs_blocks_.push_back(block_);
    else if (block_)
      stream_.free(block_);
    block_ = block;
    bytes_ = bytes;
    in_graph_ = false;
  }
  in_graph_ = in_graph_ || capturing;
  return block_;
}

}  // namespace backlight::cuda
