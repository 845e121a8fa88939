// Buffers that notice a write outside of them.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/tensor.hpp"

namespace backlight::test {

/// `shape` float32 elements, NaN at first, between two rows of sentinels.
class Guarded {
 public:
  explicit Guarded(const Shape& shape)
      : shape_(shape), buffer_(static_cast<std::size_t>(shape.numel()) + 2 * kGuard, sentinel()) {}

  float* data() { return buffer_.data() + kGuard; }
  /// A copy of the elements; those never written are NaN.
  Tensor tensor() const {
    return Tensor::from(shape_, {buffer_.data() + kGuard, buffer_.size() - 2 * kGuard});
  }
  bool intact() const {
    const auto untouched = [](float value) {
      const float expected = sentinel();
      return std::memcmp(&value, &expected, sizeof value) == 0;
    };
    return std::all_of(buffer_.begin(), buffer_.begin() + kGuard, untouched) &&
           std::all_of(buffer_.end() - kGuard, buffer_.end(), untouched);
  }

 private:
  static constexpr int kGuard = 256;
  /// A NaN whose bits no arithmetic produces.
  static float sentinel() {
    const std::uint32_t bits = 0x7fc5a5a5u;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  Shape shape_;
  std::vector<float> buffer_;
};

}  // namespace backlight::test
