// One CUDA stream on one device.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <typeindex>
#include <utility>
#include <vector>

#include "engine/cuda/backend.hpp"
#include "engine/cuda/staging.hpp"

namespace backlight::cuda {

class Stream {
 public:
  /// Throws Error(resources) where there is no such device.
  explicit Stream(int device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int device() const { return device_; }
  /// The handle; makes the stream's device the current one.
  cudaStream_t get() const;
  Staging& staging() { return staging_; }

 private:
  int device_;
  cudaStream_t handle_ = nullptr;
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> parts_;
  Staging staging_;
};

}  // namespace backlight::cuda
