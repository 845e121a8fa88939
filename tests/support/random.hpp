// Test data that C++ and the Python generators of the goldens compute alike: see fill() in
// tests/golden/common.py.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/core/random.hpp"
#include "engine/core/tensor.hpp"

namespace backlight::test {

/// Every tensor of a test has a seed of its own.
constexpr std::uint64_t seed_of(std::string_view name) { return hash_of(name); }

/// Uniform in [low, high), computed in double and rounded once to the dtype.
inline void fill(Tensor& tensor, std::string_view name, double low = -1, double high = 1) {
  const std::uint64_t seed = seed_of(name);
  dispatch_dtype(tensor.dtype(), [&]<class T>() {
    T* data = tensor.data<T>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      data[i] = static_cast<T>(low + (high - low) * random_uniform(seed, static_cast<std::uint64_t>(i)));
  });
}

inline Tensor random_tensor(const Shape& shape, std::string_view name, double low = -1, double high = 1,
                            DType dtype = DType::f32) {
  Tensor tensor(shape, dtype);
  fill(tensor, name, low, high);
  return tensor;
}

/// Values at least 0.05 away from 0 and from 6, and no two nearer than 1e-3 to each other in windows of 1000:
/// finite differences never cross a kink of ReLU, ReLU6 or max pooling.
inline Tensor off_kinks(const Shape& shape, std::string_view name, DType dtype = DType::f64) {
  Tensor tensor(shape, dtype);
  const std::uint64_t seed = seed_of(name);
  dispatch_dtype(dtype, [&]<class T>() {
    std::vector<std::int64_t> order(static_cast<std::size_t>(tensor.numel()));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_bits(seed, i) % i]);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      const std::int64_t k = order[static_cast<std::size_t>(i)] % 1000;
      tensor.data<T>()[i] =
          static_cast<T>(0.05 + 1.9e-3 * static_cast<double>(k / 2)) * (k % 2 ? T{-1} : T{1});
    }
  });
  return tensor;
}

}  // namespace backlight::test
