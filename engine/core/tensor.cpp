#include "engine/core/tensor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <ostream>
#include <type_traits>
#include <utility>

#include "engine/core/float16.hpp"

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace backlight {
namespace {

constexpr std::size_t kAlignment = 64;

/// A block of many pages is asked for in pages of 2 MiB, where the system has them to give: weights that are read once
/// a picture otherwise cost as many look-ups of an address as the processor has time for products.
void* in_large_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t kPage = std::uintptr_t{2} << 20;
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const std::uintptr_t begin = (address + kPage - 1) & ~(kPage - 1), end = (address + bytes) & ~(kPage - 1);
  if (block && begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return block;
}

/// The start of the block that malloc gave lies right before the aligned address.
void* align_host(void* block, std::size_t bytes) {
  if (!block) throw Error(ErrorKind::resources, "out of memory: could not allocate ", bytes, " bytes");
  const auto address = reinterpret_cast<std::uintptr_t>(block) + sizeof(void*) + kAlignment - 1;
  void** aligned = reinterpret_cast<void**>(address & ~(kAlignment - 1));
  aligned[-1] = block;
  return aligned;
}

std::size_t with_margin(std::size_t bytes) {
  return std::max(bytes, kAlignment) + sizeof(void*) + kAlignment;
}

void* allocate_host(std::size_t bytes) {
  return align_host(in_large_pages(std::malloc(with_margin(bytes)), bytes), bytes);
}

/// The system's fresh pages are zero already and cost nothing until they are touched: a network that is built
/// only to be given its weights never touches them.
void* allocate_host_zeros(std::size_t bytes) { return align_host(std::calloc(with_margin(bytes), 1), bytes); }

void free_host(void* block) noexcept { std::free(static_cast<void**>(block)[-1]); }

/// Best fit among freed blocks that waste at most a quarter.
class HostPool final : public MemoryPool {
 public:
  explicit HostPool(std::size_t limit) : limit_(limit) {}
  ~HostPool() override {
    for (const Block& block : blocks_) free_host(block.address);
  }

  void* allocate(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    const std::size_t wanted = std::max(bytes, kAlignment);
    Block* best = nullptr;
    for (Block& block : blocks_)
      if (block.is_free && block.capacity >= wanted && (!best || block.capacity < best->capacity))
        best = &block;
    if (best && best->capacity <= wanted + wanted / 4) {
      cached_ -= best->capacity;
    } else {
      blocks_.reserve(blocks_.size() + 1);
      best = &blocks_.emplace_back(Block{allocate_host(wanted), wanted});
      ++fresh_;
    }
    best->is_free = false;
    in_use_ += best->capacity;
    peak_ = std::max(peak_, in_use_);
    return best->address;
  }

  void deallocate(void* block, std::size_t) noexcept override {
    const std::lock_guard lock(mutex_);
    const auto it = std::ranges::find(blocks_, block, &Block::address);
    in_use_ -= it->capacity;
    if (cached_ + it->capacity > limit_) {
      free_host(block);
      blocks_.erase(it);
      return;
    }
    it->is_free = true;
    cached_ += it->capacity;
  }

  std::size_t bytes_in_use() const override {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  std::size_t peak_bytes() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

  std::size_t fresh_blocks() const override {
    const std::lock_guard lock(mutex_);
    return fresh_;
  }

 private:
  struct Block {
    void* address;
    std::size_t capacity;
    bool is_free = false;
  };
  mutable std::mutex mutex_;
  std::vector<Block> blocks_;  // some hundred at most: going through them costs less than a node of a map
  std::size_t limit_, cached_ = 0, in_use_ = 0, peak_ = 0, fresh_ = 0;
};

struct TypeFacts {
  std::size_t size;
  std::string_view name;
};
/// In the order of DType.
constexpr TypeFacts kTypes[] = {{4, "float32"}, {8, "float64"}, {2, "float16"}, {2, "bfloat16"},
                                {4, "int32"},   {8, "int64"},   {1, "uint8"}};

/// An element of 16 bits, which is reckoned with as float32.
template <float (*kWiden)(std::uint16_t), std::uint16_t (*kRound)(float)>
struct Stored16 {
  explicit Stored16(float value) : bits(kRound(value)) {}
  explicit operator float() const { return kWiden(bits); }

  std::uint16_t bits;
};

/// Calls fn with the C++ type of the elements.
template <class Fn>
void with_type(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::f32:
      return fn.template operator()<float>();
    case DType::f64:
      return fn.template operator()<double>();
    case DType::i32:
      return fn.template operator()<std::int32_t>();
    case DType::i64:
      return fn.template operator()<std::int64_t>();
    case DType::u8:
      return fn.template operator()<std::uint8_t>();
    case DType::f16:
      return fn.template operator()<Stored16<half_to_float, float_to_half>>();
    case DType::bf16:
      return fn.template operator()<Stored16<bfloat16_to_float, float_to_bfloat16>>();
  }
}

/// The value in float32, where it is not exact the neighbour whose last bit is odd: rounded on to fewer bits,
/// that gives what the value itself would.
template <class From>
float rounded_to_odd(From value) {
  const auto nearest = static_cast<float>(value);
  if (std::is_same_v<From, float> || std::bit_cast<std::uint32_t>(nearest) % 2 == 1) return nearest;
  return std::nexttoward(nearest, static_cast<long double>(value));
}

template <class To, class From>
void require_fit(From value) {
  bool fits;
  if constexpr (std::is_integral_v<From>) {
    fits = std::in_range<To>(value);
  } else {
    // Both ends are powers of two, so that every type has them; NaN is not between them.
    const From end = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    const From whole = std::trunc(value);
    fits = whole >= (std::is_signed_v<To> ? -end : From{0}) && whole < end;
  }
  if (!fits)
    throw Error(ErrorKind::bad_input, "the value ", value, " does not fit a tensor of ", dtype_of<To>);
}

template <class To, class From>
To converted(From value) {
  if constexpr (std::is_class_v<From>) {
    return converted<To>(static_cast<float>(value));
  } else if constexpr (std::is_class_v<To>) {
    return To(rounded_to_odd(value));
  } else {
    if constexpr (std::is_integral_v<To>) require_fit<To>(value);
    return static_cast<To>(value);
  }
}

std::size_t checked_bytes(const Shape& shape, DType dtype) {
  if (shape.numel() > std::numeric_limits<std::int64_t>::max() / 16)
    throw Error(ErrorKind::resources, "a tensor of ", shape, " does not fit in memory");
  return static_cast<std::size_t>(shape.numel()) * size_of(dtype);
}

}  // namespace

std::size_t size_of(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].size; }

std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << kTypes[static_cast<std::size_t>(dtype)].name;
}

void require_computed(DType dtype, std::string_view what) {
  if (!is_computed(dtype))
    throw Error(ErrorKind::unsupported, what, " is ", dtype, ", expected float32 or float64");
}

Shape::Shape(std::span<const std::int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  if (extents.size() > kMaxRank)
    throw Error(ErrorKind::bad_input, "a shape of rank ", extents.size(), " was given, at most ", kMaxRank,
                " are supported");
  std::int64_t product = 1;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] < 0) throw Error(ErrorKind::bad_input, "extent ", i, " of a shape is ", extents[i]);
    if (__builtin_mul_overflow(product, std::max<std::int64_t>(extents[i], 1), &product))
      throw Error(ErrorKind::bad_input, "a shape's number of elements exceeds 64 bits");
    extents_[i] = extents[i];
  }
}

std::int64_t Shape::numel() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : extents()) product *= extent;
  return product;
}

Shape Shape::with(int i, std::int64_t extent) const {
  Shape copy = *this;
  copy.extents_[static_cast<std::size_t>(i < 0 ? i + rank_ : i)] = extent;
  return Shape(copy.extents());
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  if (shape.rank_ == 0) return out << "scalar";
  for (int i = 0; i < shape.rank_; ++i) out << (i ? "×" : "") << shape[i];
  return out;
}

void MemoryPool::read(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

std::shared_ptr<MemoryPool> make_host_pool(std::size_t cached_bytes_limit) {
  return std::make_shared<HostPool>(cached_bytes_limit);
}

Tensor::Tensor(Shape shape, DType dtype, std::shared_ptr<MemoryPool> pool)
    : shape_(shape), dtype_(dtype), pool_(std::move(pool)) {
  const std::size_t size = checked_bytes(shape, dtype);
  data_ = pool_ ? pool_->allocate(size) : allocate_host(size);
}

Tensor Tensor::zeros(Shape shape, DType dtype, std::shared_ptr<MemoryPool> pool) {
  if (pool) {
    Tensor tensor(shape, dtype, std::move(pool));
    tensor.require_host();
    std::memset(tensor.data_, 0, tensor.bytes());  // in every type
    return tensor;
  }
  Tensor tensor;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  tensor.data_ = allocate_host_zeros(checked_bytes(shape, dtype));
  return tensor;
}

Tensor Tensor::from(Shape shape, std::span<const float> values) {
  if (static_cast<std::int64_t>(values.size()) != shape.numel())
    throw Error(ErrorKind::usage, values.size(), " values were given for a tensor of ", shape);
  Tensor tensor(shape);
  std::ranges::copy(values, tensor.data<float>());
  return tensor;
}

Tensor::Tensor(Tensor&& other) noexcept
    : shape_(std::exchange(other.shape_, {})),
      dtype_(other.dtype_),
      data_(std::exchange(other.data_, nullptr)),
      pool_(std::move(other.pool_)) {}

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  if (this != &other) {
    release();
    shape_ = std::exchange(other.shape_, {});
    dtype_ = other.dtype_;
    data_ = std::exchange(other.data_, nullptr);
    pool_ = std::move(other.pool_);
  }
  return *this;
}

void Tensor::release() noexcept {
  if (!data_) return;
  if (pool_)
    pool_->deallocate(data_, bytes());
  else
    free_host(data_);
  data_ = nullptr;
}

void Tensor::require(DType dtype) const {
  if (!data_) throw Error(ErrorKind::internal, "an undefined tensor was read");
  if (dtype != dtype_) throw Error(ErrorKind::internal, "a tensor of ", dtype_, " was read as ", dtype);
}

void Tensor::require_records(std::size_t size) const {
  require(DType::u8);
  if (shape_.rank() != 2 || shape_[1] != static_cast<std::int64_t>(size))
    throw Error(ErrorKind::internal, "a tensor of ", shape_, " was read as structs of ", size, " bytes");
}

void Tensor::require_host() const {
  if (!on_host())
    throw Error(ErrorKind::internal, "a tensor of ", shape_,
                " lies in a device's memory, where the host cannot read or write it");
}

Tensor Tensor::like(DType dtype) const {
  return Tensor(shape_, dtype, pool_ ? pool_->pool_of_copies() : nullptr);
}

Tensor Tensor::clone() const {
  require_host();
  Tensor copy = like(dtype_);
  if (bytes()) std::memcpy(copy.data_, raw(), bytes());
  return copy;
}

Tensor Tensor::to_host() const {
  if (on_host()) return clone();
  Tensor copy(shape_, dtype_);
  pool_->read(copy.data_, data_, bytes());
  return copy;
}

Tensor Tensor::to(DType dtype) const {
  require_host();
  if (dtype == dtype_) return clone();
  Tensor copy = like(dtype);
  with_type(dtype_, [&]<class From>() {
    with_type(dtype, [&]<class To>() {
      const auto* from = static_cast<const From*>(raw());
      std::transform(from, from + numel(), static_cast<To*>(copy.raw()), converted<To, From>);
    });
  });
  return copy;
}

Tensor Tensor::reshaped(Shape shape) && {
  if (shape.numel() != numel())
    throw Error(ErrorKind::usage, "a tensor of ", shape_, " cannot be reshaped to ", shape);
  Tensor result = std::move(*this);
  result.shape_ = shape;
  return result;
}

void Tensor::fill(double value) {
  require_host();
  with_type(dtype_, [&]<class T>() { std::fill_n(static_cast<T*>(raw()), numel(), converted<T>(value)); });
}

}  // namespace backlight
