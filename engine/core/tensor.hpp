// Shape, DType, Tensor: contiguous arrays in NCHW order, and the pool their memory comes from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/error.hpp"

namespace backlight {

/// float32 is what networks run in; float64 exists so that gradients can be checked against finite
/// differences. Integers are labels, positions and pixels. float16 and bfloat16 are stored, copied and converted.
enum class DType : std::uint8_t { f32, f64, f16, bf16, i32, i64, u8 };

std::size_t size_of(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "no tensor has elements of this type");
  return DType{};
}();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u8;

/// Whether networks compute in it: float32 and float64.
constexpr bool is_computed(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }
/// Throws Error(unsupported) unless is_computed(dtype); `what` is e.g. "the network's input".
void require_computed(DType dtype, std::string_view what);

/// Calls fn.operator()<float>() or fn.operator()<double>(); throws Error(unsupported) for other types.
template <class Fn>
decltype(auto) dispatch_dtype(DType dtype, Fn&& fn) {
  require_computed(dtype, "the tensor of an operation");
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

/// What a tensor is, without its values.
struct TensorType {
  DType dtype = DType::f32;
  Shape shape;

  friend bool operator==(const TensorType&, const TensorType&) = default;
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
  /// Where copies of what lies here go.
  virtual std::shared_ptr<MemoryPool> pool_of_copies() { return shared_from_this(); }
  /// Blocks taken from the system so far, because no freed one would do; counted in pools of host memory.
  virtual std::size_t fresh_blocks() const { return 0; }
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
  /// All values. Like clone(), to() and fill() throws Error(internal) for a tensor in a device's memory;
  /// to_host() and Context::copy move those.
  template <class T = float>
  std::span<const T> values() const {
    require_host();
    return {data<T>(), static_cast<std::size_t>(numel())};
  }
  template <class T = float>
  std::span<T> values() {
    require_host();
    return {data<T>(), static_cast<std::size_t>(numel())};
  }
  /// The N plain structs of a u8 tensor of N×sizeof(T), which lie where it lies; Context::records makes one.
  template <class T>
  std::span<T> records() {
    require_records(sizeof(T));
    return {static_cast<T*>(data_), static_cast<std::size_t>(shape_[0])};
  }
  template <class T>
  std::span<const T> records() const {
    require_records(sizeof(T));
    return {static_cast<const T*>(data_), static_cast<std::size_t>(shape_[0])};
  }
  /// The bytes, whatever the type.
  void* raw() {
    require(dtype_);
    return data_;
  }
  const void* raw() const {
    require(dtype_);
    return data_;
  }
  /// MemoryPool::kHost, or the index of a CUDA device.
  int device() const { return pool_ ? pool_->device() : MemoryPool::kHost; }
  /// Where the memory came from; null for the host's own.
  const std::shared_ptr<MemoryPool>& pool() const { return pool_; }
  bool on_host() const { return device() == MemoryPool::kHost; }

  Tensor clone() const;
  /// A copy in the host's memory, of a tensor anywhere. Waits until the context that allocated it has
  /// computed it; for a network's parameters on a device, until all contexts there have.
  Tensor to_host() const;
  /// Rounds to the nearest floating-point number, halfway to the even one and beyond the largest to infinity;
  /// for integers, cuts what is behind the point. Throws Error(bad_input) where a value is beyond the integers
  /// of `dtype`.
  Tensor to(DType dtype) const;
  /// The same elements under another shape of the same size.
  Tensor reshaped(Shape shape) &&;
  /// Throws as to() does.
  void fill(double value);

 private:
  void require(DType dtype) const;
  void require_records(std::size_t size) const;
  void require_host() const;
  /// Uninitialised, where a copy of this tensor goes.
  Tensor like(DType dtype) const;
  void release() noexcept;

  Shape shape_;
  DType dtype_ = DType::f32;
  void* data_ = nullptr;
  std::shared_ptr<MemoryPool> pool_;
};

}  // namespace backlight
