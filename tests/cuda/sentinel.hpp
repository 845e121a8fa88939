// Arrays of a parity test: a stretch of device memory between sentinels, at a chosen misalignment.
#pragma once

#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/runtime/device.hpp"
#include "support/random.hpp"

namespace backlight::test {

/// `count` floats that a kernel may write, with sentinels on both sides that it must not.
class Guarded {
 public:
  static constexpr std::int64_t kMargin = 64;
  static constexpr float kSentinel = 12345.5f;

  /// The array starts `offset` floats after a multiple of 256 bytes.
  Guarded(Context& context, const std::vector<float>& values, std::int64_t offset = 0)
      : context_(context), count_(static_cast<std::int64_t>(values.size())), begin_(kMargin + offset) {
    Tensor host({begin_ + count_ + kMargin});
    host.fill(kSentinel);
    std::ranges::copy(values, host.data<float>() + begin_);
    block_ = context.copy(host);
  }

  float* data() { return block_.data<float>() + begin_; }

  /// The array's values; checks the sentinels.
  std::vector<float> values() const {
    const Tensor host = context_.to_host(block_);
    const auto all = host.values();
    const auto intact = [](float value) { return value == kSentinel; };
    CHECK(std::ranges::all_of(all.first(static_cast<std::size_t>(begin_)), intact));
    CHECK(std::ranges::all_of(all.last(kMargin), intact));
    const auto inner = all.subspan(static_cast<std::size_t>(begin_), static_cast<std::size_t>(count_));
    return {inner.begin(), inner.end()};
  }

 private:
  Context& context_;
  std::int64_t count_, begin_;
  Tensor block_;
};

/// Uniform in [-8, 8), so that ReLU6's upper bound matters; every seventh value is zero, every eleventh six.
inline std::vector<float> awkward_values(std::int64_t count, std::string_view name) {
  const Tensor random = random_tensor({count}, name, -8, 8);
  std::vector<float> values(random.values().begin(), random.values().end());
  for (std::size_t i = 0; i < values.size(); i += 7) values[i] = 0;
  for (std::size_t i = 5; i < values.size(); i += 11) values[i] = 6;
  return values;
}

/// max |a - b| over the largest |b|, of each 16 neighbours by themselves, so that a wrong small value at a
/// border or in a tail is not measured by large ones elsewhere; infinity where a NaN is involved or sizes
/// differ.
inline double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr std::size_t kNeighbours = 16;
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double result = 0;
  for (std::size_t begin = 0; begin < b.size(); begin += kNeighbours) {
    double worst = 0, largest = 1e-30;
    for (std::size_t i = begin; i < std::min(begin + kNeighbours, b.size()); ++i) {
      const double difference = std::abs(double{a[i]} - double{b[i]});
      if (!(difference <= 1e30)) return std::numeric_limits<double>::infinity();
      worst = std::max(worst, difference);
      largest = std::max(largest, std::abs(double{b[i]}));
    }
    result = std::max(result, worst / largest);
  }
  return result;
}

}  // namespace backlight::test
