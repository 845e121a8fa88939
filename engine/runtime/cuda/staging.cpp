#include "engine/runtime/cuda/staging.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <utility>

#include "engine/core/error.hpp"
#include "engine/runtime/cuda/check.hpp"

namespace backlight::cuda {
namespace {

void refuse_capture(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  CUDA_CHECK(cudaStreamIsCapturing(stream, &status));
  if (status != cudaStreamCaptureStatusNone)
    throw Error(
        ErrorKind::internal,
        "[cuda] a copy through staging was asked for while the stream is captured: copy before or after, or "
        "from a pinned block of the graph's own");
}

}  // namespace

PinnedBlock::PinnedBlock(std::size_t bytes) : bytes_(bytes) { CUDA_CHECK(cudaMallocHost(&data_, bytes)); }

PinnedBlock::~PinnedBlock() {
  if (data_) cudaFreeHost(data_);
}

PinnedBlock::PinnedBlock(PinnedBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

PinnedBlock& PinnedBlock::operator=(PinnedBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Staging::~Staging() {
  for (const Slot& slot : slots_) {
    if (!slot.done) continue;
    cudaEventSynchronize(slot.done);
    cudaEventDestroy(slot.done);
  }
}

Staging::Slot& Staging::next_slot(std::size_t bytes) {
  constexpr std::size_t kSmallestSlot = std::size_t{16} << 10;
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % kSlots;
  if (slot.done)
    CUDA_CHECK(cudaEventSynchronize(slot.done));
  else
    CUDA_CHECK(cudaEventCreateWithFlags(&slot.done, cudaEventDisableTiming));
  if (const std::size_t needed = std::min(bytes, kLargestSlot); slot.block.bytes() < needed)
    slot.block = PinnedBlock(std::bit_ceil(std::max(needed, kSmallestSlot)));
  return slot;
}

void Staging::upload(cudaStream_t stream, void* to, const void* from, std::size_t bytes) {
  refuse_capture(stream);
  auto* target = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const Slot& slot = next_slot(bytes);
    const std::size_t piece = std::min(bytes, kLargestSlot);
    std::memcpy(slot.block.data(), source, piece);
    CUDA_CHECK(cudaMemcpyAsync(target, slot.block.data(), piece, cudaMemcpyHostToDevice, stream));
    CUDA_CHECK(cudaEventRecord(slot.done, stream));
    target += piece;
    source += piece;
    bytes -= piece;
  }
}

void Staging::download(cudaStream_t stream, void* to, const void* from, std::size_t bytes) {
  refuse_capture(stream);
  auto* target = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  std::deque<std::pair<const Slot*, std::size_t>> under_way;
  const auto finish_oldest = [&] {
    const auto [slot, piece] = under_way.front();
    under_way.pop_front();
    CUDA_CHECK(cudaEventSynchronize(slot->done));
    std::memcpy(target, slot->block.data(), piece);
    target += piece;
  };
  while (bytes > 0) {
    if (under_way.size() == kSlots) finish_oldest();
    const Slot& slot = next_slot(bytes);
    const std::size_t piece = std::min(bytes, kLargestSlot);
    CUDA_CHECK(cudaMemcpyAsync(slot.block.data(), source, piece, cudaMemcpyDeviceToHost, stream));
    CUDA_CHECK(cudaEventRecord(slot.done, stream));
    under_way.emplace_back(&slot, piece);
    source += piece;
    bytes -= piece;
  }
  while (!under_way.empty()) finish_oldest();
}

}  // namespace backlight::cuda
