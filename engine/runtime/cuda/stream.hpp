// One CUDA stream on one device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

#include "engine/runtime/cuda/backend.hpp"
#include "engine/runtime/cuda/staging.hpp"

namespace backlight::cuda {

class Stream {
 public:
  /// Loads the libraries that compute on it. Throws Error(resources) where there is no such device or a
  /// library is missing.
  explicit Stream(int device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int device() const { return device_; }
  /// The handle; makes the stream's device the current one.
  cudaStream_t get() const;
  /// The handle alone, for calls that work whichever device is the current one.
  cudaStream_t handle() const noexcept { return handle_; }
  /// True while work is recorded into a graph instead of being done.
  bool capturing() const;
  /// Whether libraries' kernels are chosen by measurement when a problem first comes, not by their
  /// heuristics.
  bool tunes() const { return tunes_; }
  void tune(bool on) { tunes_ = on; }
  Staging& staging() { return staging_; }

  /// Device memory from a pool of the stream's own, usable by what is enqueued from now on. The pool keeps
  /// what is freed as long as the stream is there. Throws Error(resources) where there is not enough,
  /// Error(internal) while the stream is captured: the graph would allocate at every replay.
  void* allocate(std::size_t bytes);
  /// In the order of the stream.
  void free(void* block) noexcept;

  /// The stream's object of type T: a library's handle, a cache of plans. Made from the stream when it is
  /// first asked for; goes, in reverse order, before the stream does.
  template <class T>
  T& part() {
    for (const auto& [type, object] : parts_)
      if (type == typeid(T)) return *static_cast<T*>(object.get());
    auto made = std::make_shared<T>(*this);
    parts_.emplace_back(typeid(T), made);
    return *made;
  }

 private:
  struct DestroyPool {
    void operator()(cudaMemPool_t pool) const { cudaMemPoolDestroy(pool); }
  };

  int device_;
  bool tunes_ = false;
  std::unique_ptr<std::remove_pointer_t<cudaMemPool_t>, DestroyPool> pool_;
  cudaStream_t handle_ = nullptr;
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> parts_;
  Staging staging_;
};

}  // namespace backlight::cuda
