#include "weights/stored_tensor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <ostream>
#include <utility>

#include "engine/core/float16.hpp"

namespace backlight {
namespace {

struct TypeInfo {
  const char* name;
  std::size_t size;
};

constexpr std::array<TypeInfo, 10> kTypes = {{{"float64", 8},
                                              {"float32", 4},
                                              {"float16", 2},
                                              {"bfloat16", 2},
                                              {"int64", 8},
                                              {"int32", 4},
                                              {"int16", 2},
                                              {"int8", 1},
                                              {"uint8", 1},
                                              {"bool", 1}}};

std::string shape_text(std::span<const std::int64_t> shape) {
  return text("[", weights::extents_text(shape), "]");
}

/// One dimension of a view, in elements.
struct Axis {
  std::int64_t extent, stride;
};

/// The view without dimensions of size one, neighbours merged where the outer steps over the whole inner one.
std::vector<Axis> merged_axes(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!axes.empty() && axes.back().stride == shape[i] * strides[i]) {
      axes.back() = {axes.back().extent * shape[i], strides[i]};
    } else {
      axes.push_back({shape[i], strides[i]});
    }
  }
  if (axes.empty()) axes.push_back({1, 1});
  return axes;
}

/// Calls `run(first, count)` for every innermost run of the view in row-major order; `first` is its first
/// element's index in the storage, and its elements are axes.back().stride apart.
template <class Run>
void for_each_run(const std::vector<Axis>& axes, std::int64_t offset, Run run) {
  std::vector<std::int64_t> index(axes.size(), 0);
  std::int64_t first = offset;
  while (true) {
    run(first, axes.back().extent);
    std::size_t d = axes.size() - 1;
    for (; d > 0; --d) {
      first += axes[d - 1].stride;
      if (++index[d - 1] < axes[d - 1].extent) break;
      first -= axes[d - 1].stride * axes[d - 1].extent;
      index[d - 1] = 0;
    }
    if (d == 0) return;
  }
}

template <std::size_t kSize>
void gather(const std::byte* from, std::int64_t stride, std::size_t count, bool swap, std::byte* to) {
  if (stride == 1 && !swap) {
    std::memcpy(to, from, count * kSize);
    return;
  }
  for (std::size_t i = 0; i < count; ++i, to += kSize) {
    const std::byte* element = from + static_cast<std::int64_t>(i * kSize) * stride;
    if (swap) {
      std::reverse_copy(element, element + kSize, to);
    } else {
      std::memcpy(to, element, kSize);
    }
  }
}

void gather(std::size_t size, const std::byte* from, std::int64_t stride, std::size_t count, bool swap,
            std::byte* to) {
  switch (size) {
    case 1:
      return gather<1>(from, stride, count, false, to);
    case 2:
      return gather<2>(from, stride, count, swap, to);
    case 4:
      return gather<4>(from, stride, count, swap, to);
    default:
      return gather<8>(from, stride, count, swap, to);
  }
}

template <class T, class Convert>
void widen(const std::byte* from, std::size_t count, float* to, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = convert(value);
  }
}

void to_float(StoredType type, const std::byte* from, std::size_t count, float* to) {
  const auto cast = [](auto value) { return static_cast<float>(value); };
  switch (type) {
    case StoredType::f64:
      return widen<double>(from, count, to, cast);
    case StoredType::f32:
      std::memcpy(to, from, count * sizeof(float));
      return;
    case StoredType::f16:
      return widen<std::uint16_t>(from, count, to, half_to_float);
    case StoredType::bf16:
      return widen<std::uint16_t>(from, count, to, bfloat16_to_float);
    case StoredType::i64:
      return widen<std::int64_t>(from, count, to, cast);
    case StoredType::i32:
      return widen<std::int32_t>(from, count, to, cast);
    case StoredType::i16:
      return widen<std::int16_t>(from, count, to, cast);
    case StoredType::i8:
      return widen<std::int8_t>(from, count, to, cast);
    case StoredType::u8:
      return widen<std::uint8_t>(from, count, to, cast);
    case StoredType::bool_:
      return widen<std::uint8_t>(from, count, to, [](std::uint8_t value) { return value ? 1.0f : 0.0f; });
  }
}

}  // namespace

std::size_t size_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)].size; }
const char* name_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)].name; }
bool is_floating(StoredType type) { return type <= StoredType::bf16; }
std::ostream& operator<<(std::ostream& out, StoredType type) { return out << name_of(type); }

std::string weights::extents_text(std::span<const std::int64_t> shape) {
  std::string out;
  for (const std::int64_t extent : shape) out += (out.empty() ? "" : "×") + std::to_string(extent);
  return out;
}

std::vector<std::int64_t> weights::row_major(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;)
    if (__builtin_mul_overflow(strides[i], std::max<std::int64_t>(shape[i], 1), &strides[i - 1]))
      strides[i - 1] = 1;
  return strides;
}

StoredTensor::StoredTensor(std::string name, std::vector<std::int64_t> shape,
                           std::vector<std::int64_t> strides, std::int64_t offset, StoredType dtype,
                           std::shared_ptr<const weights::Storage> storage)
    : name_(std::move(name)),
      name_in_file_(name_),
      shape_(std::move(shape)),
      strides_(std::move(strides)),
      stored_shape_(shape_),
      offset_(offset),
      numel_(1),
      dtype_(dtype),
      storage_(std::move(storage)) {
  const auto refuse = [&](const auto&... why) {
    throw Error(ErrorKind::bad_input, "tensor \"", name_, "\" of shape ", shape_text(shape_), " ", why...);
  };
  if (strides_.size() != shape_.size()) refuse("has ", strides_.size(), " strides");
  if (offset_ < 0) refuse("has the negative offset ", offset_);
  std::int64_t nonzero = 1, last = offset_, bytes = 0;
  const auto item = static_cast<std::int64_t>(size_of(dtype_));
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    if (shape_[i] < 0) refuse("has a negative extent");
    numel_ *= shape_[i] == 0 ? 0 : 1;
    std::int64_t reach = 0;
    if (shape_[i] > 1 && strides_[i] < 0) refuse("has the negative stride ", strides_[i]);
    if (shape_[i] > 1 && (__builtin_mul_overflow(nonzero, shape_[i], &nonzero) ||
                          __builtin_mul_overflow(shape_[i] - 1, strides_[i], &reach) ||
                          __builtin_add_overflow(last, reach, &last))) {
      refuse("overflows 64 bits");
    }
  }
  numel_ *= nonzero;
  if (__builtin_mul_overflow(nonzero, item, &bytes)) refuse("overflows 64 bits");
  if (numel_ > 0 && static_cast<std::uint64_t>(last) >= storage_->size / size_of(dtype_)) {
    refuse("reaches element ", last, " of a storage that holds ", storage_->size / size_of(dtype_));
  }
}

bool StoredTensor::is_contiguous() const {
  if (numel_ == 0) return true;
  const std::vector<Axis> axes = merged_axes(stored_shape_, strides_);
  return axes.size() == 1 && axes[0].stride == 1;
}

StoredTensor StoredTensor::renamed(std::string name) const {
  StoredTensor copy = *this;
  copy.name_ = std::move(name);
  return copy;
}

StoredTensor StoredTensor::reshaped(std::vector<std::int64_t> shape) const {
  if (Shape(shape).numel() != numel_) {
    throw Error(ErrorKind::internal, "tensor \"", name_, "\": ", shape_text(shape_), " cannot become ",
                shape_text(shape));
  }
  StoredTensor copy = *this;
  copy.shape_ = std::move(shape);
  return copy;
}

Tensor StoredTensor::to_f32() const {
  if (shape_.size() > static_cast<std::size_t>(Shape::kMaxRank)) {
    throw Error(ErrorKind::unsupported, "tensor \"", name_, "\" has ", shape_.size(), " dimensions; at most ",
                Shape::kMaxRank, " are supported");
  }
  Tensor out{Shape(shape_)};
  if (numel_ == 0) return out;
  const weights::SharedBytes source = storage_->read();
  const std::vector<Axis> axes = merged_axes(stored_shape_, strides_);
  const std::size_t size = size_of(dtype_);
  if (dtype_ == StoredType::f32 && !storage_->big_endian && axes.size() == 1 && axes[0].stride == 1) {
    std::memcpy(out.raw(), source.bytes.data() + offset_ * static_cast<std::int64_t>(size), bytes());
    return out;
  }
  constexpr std::int64_t kChunk = 4096;
  std::array<std::byte, kChunk * 8> chunk;
  float* to = out.data<float>();
  for_each_run(axes, offset_, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t done = 0; done < count; done += kChunk) {
      const auto now = static_cast<std::size_t>(std::min(kChunk, count - done));
      const std::int64_t at = (first + done * axes.back().stride) * static_cast<std::int64_t>(size);
      gather(size, source.bytes.data() + at, axes.back().stride, now, storage_->big_endian, chunk.data());
      to_float(dtype_, chunk.data(), now, to);
      to += now;
    }
  });
  return out;
}

std::vector<std::byte> StoredTensor::to_bytes() const {
  std::vector<std::byte> out(bytes());
  if (numel_ == 0) return out;
  const weights::SharedBytes source = storage_->read();
  const std::vector<Axis> axes = merged_axes(stored_shape_, strides_);
  const std::size_t size = size_of(dtype_);
  std::byte* to = out.data();
  for_each_run(axes, offset_, [&](std::int64_t first, std::int64_t count) {
    gather(size, source.bytes.data() + first * static_cast<std::int64_t>(size), axes.back().stride,
           static_cast<std::size_t>(count), storage_->big_endian, to);
    to += count * static_cast<std::int64_t>(size);
  });
  return out;
}

}  // namespace backlight
