// What parity tests compare.
#pragma once

#include <doctest/doctest.h>

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

/// Bits agree, but for NaN, of which there is one kind only.
inline void check_exact(const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool same = std::bit_cast<std::uint32_t>(found[i]) == std::bit_cast<std::uint32_t>(expected[i]) ||
                      (std::isnan(found[i]) && std::isnan(expected[i]));
    if (same) continue;
    CAPTURE(i);
    CHECK(found[i] == expected[i]);
    return;
  }
}

}  // namespace backlight::test
