// Shape, DType, Tensor: contiguous arrays in NCHW order, and the pool their memory comes from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/core/error.hpp"

namespace backlight {

/// float32 is what networks run in; float64 exists so that gradients can be checked against finite
/// differences.
enum class DType : std::uint8_t { f32, f64 };

std::size_t size_of(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;

/// Calls fn.operator()<float>() or fn.operator()<double>().
template <class Fn>
decltype(auto) dispatch_dtype(DType dtype, Fn&& fn) {
  return dtype == DType::f64 ? fn.template operator()<double>() : fn.template operator()<float>();
}

/// Extents of a tensor, at most six of them; printed as `1×3×224×224`.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  /// Throws Error(bad_input) on a negative extent, a rank above kMaxRank, or a product beyond int64.
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  /// Extent `i`; negative `i` counts from the end.
  std::int64_t operator[](int i) const { return extents_[static_cast<std::size_t>(i < 0 ? i + rank_ : i)]; }
  std::int64_t numel() const;
  std::span<const std::int64_t> extents() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }
  /// The same shape with extent `i` replaced.
  Shape with(int i, std::int64_t extent) const;

  friend bool operator==(const Shape&, const Shape&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Shape& shape);

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

/// Freed blocks are kept and handed out again, because fresh pages cost more than a layer's arithmetic.
/// Thread-safe. Blocks are 64-byte aligned.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  virtual ~MemoryPool() = default;
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* block, std::size_t bytes) noexcept = 0;
  /// Bytes handed out now, and the most there ever were.
  virtual std::size_t bytes_in_use() const = 0;
  virtual std::size_t peak_bytes() const = 0;
  /// The CUDA device whose memory this is, which only its kernels and copies may touch; kHost for the host's.
  virtual int device() const { return kHost; }
  static constexpr int kHost = -1;
  /// Copies `bytes` bytes of a block to the host's memory. Waits until whoever has this pool has computed
  /// them.
  virtual void read(void* to, const void* from, std::size_t bytes);
};

/// A pool of host memory. `cached_bytes_limit` bounds what is kept for reuse.
std::shared_ptr<MemoryPool> make_host_pool(std::size_t cached_bytes_limit = std::size_t{1} << 30);

/// An owning, move-only, contiguous array.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised. Without a pool the memory is the host's and goes back to it at once.
  explicit Tensor(Shape shape, DType dtype = DType::f32, std::shared_ptr<MemoryPool> pool = nullptr);
  static Tensor zeros(Shape shape, DType dtype = DType::f32, std::shared_ptr<MemoryPool> pool = nullptr);
  static Tensor from(Shape shape, std::span<const float> values);

  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;
  ~Tensor() { release(); }

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::int64_t numel() const { return shape_.numel(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype_); }
  /// False only for a default-constructed or moved-from tensor.
  bool defined() const { return data_ != nullptr; }

  /// Throws Error(internal) when T is not the dtype.
  template <class T>
  T* data() {
    require(dtype_of<T>);
    return static_cast<T*>(data_);
  }
  template <class T>
  const T* data() const {
    require(dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  /// All float32 values. Like clone(), to() and fill() throws Error(internal) for a tensor in a device's
  /// memory; to_host() and Context::copy move those.
  std::span<const float> values() const {
    require_host();
    return {data<float>(), static_cast<std::size_t>(numel())};
  }
  std::span<float> values() {
    require_host();
    return {data<float>(), static_cast<std::size_t>(numel())};
  }
  /// MemoryPool::kHost, or the index of a CUDA device.
  int device() const { return pool_ ? pool_->device() : MemoryPool::kHost; }
  bool on_host() const { return device() == MemoryPool::kHost; }

  Tensor clone() const;
  /// A copy in the host's memory, of a tensor anywhere. Waits until the context that allocated it has
  /// computed it; for a network's parameters on a device, until all contexts there have.
  Tensor to_host() const;
  Tensor to(DType dtype) const;
  /// The same elements under another shape of the same size.
  Tensor reshaped(Shape shape) &&;
  void fill(double value);

 private:
  void require(DType dtype) const;
  void require_host() const;
  void release() noexcept;

  Shape shape_;
  DType dtype_ = DType::f32;
  void* data_ = nullptr;
  std::shared_ptr<MemoryPool> pool_;
};

/// An owning, move-only array of integers that a kernel leaves for another: indices, labels, pixels.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  /// Uninitialised.
  Buffer(std::int64_t size, std::shared_ptr<MemoryPool> pool) : size_(size), pool_(std::move(pool)) {
    data_ = static_cast<T*>(pool_->allocate(bytes()));
  }
  Buffer(Buffer&& other) noexcept
      : size_(std::exchange(other.size_, 0)),
        pool_(std::move(other.pool_)),
        data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() {
    if (data_) pool_->deallocate(data_, bytes());
  }

  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }
  T* data() { return data_; }
  const T* data() const { return data_; }

 private:
  std::int64_t size_ = 0;
  std::shared_ptr<MemoryPool> pool_;
  T* data_ = nullptr;
};

}  // namespace backlight
