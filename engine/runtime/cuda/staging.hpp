// Pinned host memory, and the way of ordinary memory to the device and back through it. The driver copies
// pageable memory through buffers of its own and lets the caller wait meanwhile; from pinned memory the
// device fetches by itself while the host prepares the next piece.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>

namespace backlight::cuda {

/// A block of pinned host memory. Whoever frees it must know that no copy uses it any more.
class PinnedBlock {
 public:
  PinnedBlock() = default;
  /// Throws Error(resources) where the host has not enough memory that can be pinned.
  explicit PinnedBlock(std::size_t bytes);
  ~PinnedBlock();
  PinnedBlock(PinnedBlock&& other) noexcept;
  PinnedBlock& operator=(PinnedBlock&& other) noexcept;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A ring of pinned slots of one stream. Copies larger than a slot go piece by piece; a slot is used again
/// only when the event behind its last copy has been reached. Slots grow with what passes through them.
/// Copies cannot be captured in a graph: Error(internal).
class Staging {
 public:
  static constexpr std::size_t kSlots = 3;
  static constexpr std::size_t kLargestSlot = std::size_t{4} << 20;

  Staging() = default;
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// Host to device. Returns when all of `from` has been read; the device may still be writing `to`.
  void upload(cudaStream_t stream, void* to, const void* from, std::size_t bytes);
  /// Device to host. Returns when all of `to` has been written.
  void download(cudaStream_t stream, void* to, const void* from, std::size_t bytes);

 private:
  struct Slot {
    PinnedBlock block;
    cudaEvent_t done = nullptr;  ///< behind the last copy that used the block
  };
  /// The next slot, idle and of at least min(bytes, kLargestSlot).
  Slot& next_slot(std::size_t bytes);

  std::array<Slot, kSlots> slots_;
  std::size_t next_ = 0;
};

}  // namespace backlight::cuda
