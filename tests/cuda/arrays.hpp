// What parity tests compare.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "support/random.hpp"

namespace backlight::test {

/// Uniform in [low, high).
inline std::vector<float> uniform(std::int64_t count, std::string_view name, double low = -1,
                                  double high = 1) {
  const Tensor random = random_tensor({count}, name, low, high);
  return {random.values().begin(), random.values().end()};
}

/// What an output holds before a kernel has written it.
inline std::vector<float> unwritten(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count), NAN);
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(
      a, b, {}, [](float v) { return std::bit_cast<std::uint32_t>(v); },
      [](float v) { return std::bit_cast<std::uint32_t>(v); });
}

}  // namespace backlight::test
