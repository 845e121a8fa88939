// Comparisons in which a NaN never passes.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "engine/core/tensor.hpp"

namespace backlight::test {

/// max |a - b| / max(|b|, floor) over all elements, the denominator being the largest |b|; infinity for a NaN
/// or for unequal shapes.
inline double relative_error(const Tensor& a, const Tensor& b, double floor = 1e-30) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  double worst = 0, largest = floor;
  const Tensor a64 = a.to(DType::f64), b64 = b.to(DType::f64);
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double difference = std::abs(a64.data<double>()[i] - b64.data<double>()[i]);
    if (!(difference <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, difference);
    largest = std::max(largest, std::abs(b64.data<double>()[i]));
  }
  return worst / largest;
}

/// max |a - b| / size, each element by its own: `size` is what the terms of its sum add up to without their
/// signs, of which rounding costs a few units in the last place wherever the element lies, so that a wrong
/// small value among large ones shows. An element without terms must be equal. Infinity for a NaN or for
/// unequal shapes.
inline double elementwise_error(const Tensor& a, const Tensor& b, const Tensor& size) {
  if (a.shape() != b.shape() || a.shape() != size.shape()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  const Tensor a64 = a.to(DType::f64), b64 = b.to(DType::f64), size64 = size.to(DType::f64);
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double found = a64.data<double>()[i], expected = b64.data<double>()[i];
    if (found == expected) continue;
    const double error = std::abs(found - expected) / size64.data<double>()[i];
    if (!(error <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, error);
  }
  return worst;
}

/// True when every bit agrees.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  return dispatch_dtype(a.dtype(), [&]<class T>() {
    const auto bytes = [](const Tensor& t) {
      return std::span(reinterpret_cast<const unsigned char*>(t.data<T>()), t.bytes());
    };
    return std::ranges::equal(bytes(a), bytes(b));
  });
}

}  // namespace backlight::test
