// Where a pass runs: the device, the threads that work on it, and the memory it draws from.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/core/function_ref.hpp"
#include "engine/core/isa.hpp"
#include "engine/core/pool_vector.hpp"
#include "engine/core/tensor.hpp"
#include "engine/core/threads.hpp"

namespace backlight {

struct Device {
  enum class Kind : std::uint8_t { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;

  /// "cpu", "cuda" or "cuda:N". Throws Error(usage) for anything else.
  static Device parse(std::string_view name);

  friend bool operator==(const Device&, const Device&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Device& device);
};

/// In which numbers a CUDA device multiplies; sums are always in float32. The CPU knows only `strict`.
enum class Precision : std::uint8_t {
  strict,  ///< float32
  tf32,    ///< float32 storage, products of 10-bit mantissas in the tensor cores
  f16,     ///< inputs and weights of convolutions and linear layers rounded to float16
};

namespace cuda {
class Graph;
class Stream;
}  // namespace cuda

/// One call of a layer.
struct LayerCall {
  std::int64_t node;
  bool backward;
};

/// Belongs to one calling thread at a time; several threads explain with one network through a context each.
/// Moves, and is never copied: its threads and its stream are its own.
class Context {
 public:
  /// `isa` is what the CPU's matrix kernels are made of. Throws Error(unsupported) for a device that this build does
  /// not know, a precision that the device does not have or instructions that the processor does not have,
  /// Error(resources) for a device that this machine does not have or threads that it does not start.
  explicit Context(Device device = {}, int threads = 0, Precision precision = Precision::strict,
                   cpu::Isa isa = cpu::best_isa());
  /// Records what `work` asks of this context. `rehearsal` asks the same before, and gives back all memory that it
  /// takes, since none can be allocated while something is recorded; `work` must not wait. The graph keeps that
  /// memory; whatever this context allocates otherwise is other memory. Throws Error(internal) on the CPU and for
  /// work that needs other memory than its rehearsal, and what either throws; nothing is recorded then.
  std::shared_ptr<cuda::Graph> record(FunctionRef<void()> rehearsal, FunctionRef<void()> work);

  const Device& device() const { return device_; }
  Precision precision() const { return precision_; }
  cpu::Isa isa() const { return isa_; }
  int threads() const { return threads_->size(); }
  /// Where its tensors lie.
  const MemoryPool& memory() const { return *memory_; }
  /// Blocks taken from the host's system so far, for tensors and for vector().
  std::size_t fresh_blocks() const { return memory_->fresh_blocks() + vectors_->fresh_blocks(); }

  /// An uninitialised tensor from this context's pool.
  Tensor empty(const Shape& shape, DType dtype = DType::f32) const { return Tensor(shape, dtype, memory_); }
  Tensor zeros(const Shape& shape, DType dtype = DType::f32) const;
  /// Uninitialised, for `count` plain structs: Tensor::records<T>() is where they lie.
  template <class T>
  Tensor records(std::int64_t count) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return empty({count, sizeof(T)}, DType::u8);
  }
  /// An empty vector in the host's memory; this context keeps what it frees, and must outlive it.
  template <class T>
  PoolVector<T> vector() const {
    return PoolVector<T>(PoolAllocator<T>(*vectors_));
  }
  /// Whether kernels of this context can read the tensor.
  bool holds(const Tensor& tensor) const { return tensor.device() == memory_->device(); }
  /// A copy in this context's memory, of a tensor anywhere. One that another context computes must be done
  /// there, synchronize() that context first, and stay until it is copied; from another device this waits.
  Tensor copy(const Tensor& tensor) const;
  /// The same for a tensor that other contexts on this device will read, too, as parameters are. It is freed
  /// when every one of them has done what was asked of it, for which the thread that frees it waits.
  Tensor share(const Tensor& tensor) const;
  /// Overwrites `to`, of the same shape and type, which lies in this context's memory.
  void copy(const Tensor& from, Tensor& to) const;
  /// A copy in the host's memory, of a tensor anywhere. Waits until it is computed.
  Tensor to_host(const Tensor& tensor) const;
  /// A tensor of as many elements in this context's memory, of values in the host's.
  template <class T>
  Tensor copy(std::span<const T> values) const {
    Tensor result = empty({static_cast<std::int64_t>(values.size())}, dtype_of<T>);
    copy(values, result);
    return result;
  }
  /// Overwrites `to`, of as many elements, which lies in this context's memory.
  template <class T>
  void copy(std::span<const T> values, Tensor& to) const {
    require_fit(to, {static_cast<std::int64_t>(values.size())}, dtype_of<T>);
    from_host(to.raw(), values.data(), values.size_bytes());
  }

  /// Waits until the device has done all that was asked of it; reports what went wrong there.
  void synchronize() const;
  /// From now on measures, when a convolution of a new shape comes, which way of doing it is fastest here,
  /// which takes longer once. Nothing to choose from on the CPU.
  void tune(bool on) const;
  /// The CUDA stream in which everything of this context runs. Throws Error(internal) on the CPU.
  cuda::Stream& stream() const;

  /// From now on `watcher` is told of every layer's call that runs make in this context, when it returns, which on a
  /// GPU is before it is done. An empty one ends it.
  void watch(std::function<void(const LayerCall&)> watcher) { watcher_ = std::move(watcher); }
  void report(const LayerCall& call) const {
    if (watcher_) watcher_(call);
  }

  /// fn(item, worker) for every item, in no particular order.
  void parallel_for(std::int64_t items, FunctionRef<void(std::int64_t, int)> fn) const {
    threads_->run(items, fn);
  }
  /// fn(begin, end) over consecutive ranges of at most `grain` elements.
  void parallel_ranges(std::int64_t count, std::int64_t grain,
                       FunctionRef<void(std::int64_t, std::int64_t)> fn) const;

 private:
  void from_host(void* to, const void* from, std::size_t bytes) const;
  /// Throws unless `to` lies here and takes a copy of a tensor of this shape and type.
  void require_fit(const Tensor& to, const Shape& shape, DType dtype) const;

  Device device_;
  Precision precision_;
  cpu::Isa isa_;
  std::unique_ptr<ThreadPool> threads_;
  std::shared_ptr<cuda::Stream> stream_;  // null on the CPU
  std::shared_ptr<MemoryPool> memory_;    // of tensors
  std::shared_ptr<MemoryPool> vectors_;   // the host's
  std::function<void(const LayerCall&)> watcher_;
};

}  // namespace backlight
