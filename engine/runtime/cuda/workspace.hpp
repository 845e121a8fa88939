// Scratch memory of one stream, shared by everything that runs in it: work in a stream takes turns.
#pragma once

#include <cstddef>
#include <vector>

namespace backlight::cuda {

class Stream;

/// `stream.part<Workspace>()`
class Workspace {
 public:
  explicit Workspace(Stream& stream);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// At least `bytes` bytes, aligned to 256, for the work that is enqueued next; undefined before and after
  /// it. Throws Error(internal) where the block would have to grow while the stream is captured. A graph's
  /// block stays when the arena grows later.
  void* reserve(std::size_t bytes);
  std::size_t bytes() const { return bytes_; }

 private:
  Stream& stream_;
  void* block_ = nullptr;
  std::size_t bytes_ = 0;
  bool in_graph_ = false;
  std::vector<void*> graphs_blocks_;
};

}  // namespace backlight::cuda
