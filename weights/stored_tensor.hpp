// A tensor as a file holds it: dtype, strides and a place in a storage. Bytes are read when they are asked
// for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/tensor.hpp"

namespace backlight {

/// The element types that checkpoints may have here.
enum class StoredType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, bool_ };

std::size_t size_of(StoredType type);
/// PyTorch's name: `float32`, `bfloat16`, `bool` …
const char* name_of(StoredType type);
bool is_floating(StoredType type);
std::ostream& operator<<(std::ostream& out, StoredType type);

namespace weights {

/// Strides of a tensor without gaps, in elements. One that would overflow is 1: StoredTensor refuses the shape.
std::vector<std::int64_t> row_major(std::span<const std::int64_t> shape);

/// `64×3×7×7`; empty for a scalar.
std::string extents_text(std::span<const std::int64_t> shape);

/// A type under a format's name for it.
struct NamedType {
  std::string_view name;
  StoredType type;
};

/// Bytes and what keeps them alive.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

/// A run of bytes in a checkpoint that tensors are views of. `read` returns exactly `size` bytes.
struct Storage {
  std::size_t size = 0;
  bool big_endian = false;
  std::function<SharedBytes()> read;
};

}  // namespace weights

/// Cheap to copy: it shares the checkpoint's bytes and keeps them alive.
class StoredTensor {
 public:
  /// A view of `storage`; `strides` and `offset` count elements. Throws Error(bad_input) naming the tensor
  /// where an extent, a stride or the offset is negative, a product overflows, or an element lies beyond the
  /// storage.
  StoredTensor(std::string name, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
               std::int64_t offset, StoredType dtype, std::shared_ptr<const weights::Storage> storage);

  const std::string& name() const { return name_; }
  /// The name it was made with, whatever it has been renamed to since.
  const std::string& name_in_file() const { return name_in_file_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  StoredType dtype() const { return dtype_; }
  std::int64_t numel() const { return numel_; }
  /// numel × item size: what the tensor takes when it is written out contiguously.
  std::size_t bytes() const { return static_cast<std::size_t>(numel_) * size_of(dtype_); }
  /// True when the elements lie in row-major order without gaps; dimensions of size one do not matter.
  bool is_contiguous() const;

  /// The same view under another name, or (for a contiguous meaning of the elements) another shape of equal
  /// size.
  StoredTensor renamed(std::string name) const;
  StoredTensor reshaped(std::vector<std::int64_t> shape) const;

  /// A contiguous float32 copy. Throws Error(unsupported) for more than Shape::kMaxRank dimensions.
  Tensor to_f32() const;
  /// Contiguous little-endian elements in the tensor's own dtype.
  std::vector<std::byte> to_bytes() const;

 private:
  std::string name_, name_in_file_;
  std::vector<std::int64_t> shape_, strides_;
  /// Dimensions in which the tensor was stored; differs from `shape_` only after reshaped().
  std::vector<std::int64_t> stored_shape_;
  std::int64_t offset_ = 0, numel_ = 0;
  StoredType dtype_;
  std::shared_ptr<const weights::Storage> storage_;
};

}  // namespace backlight
