// Comparison of results that must agree in every bit.
#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/random.hpp"

namespace backlight::test {

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

/// Uniform in [-1, 1).
inline std::vector<float> uniform_values(std::int64_t count, std::string_view name) {
  const Tensor random = random_tensor({count}, name);
  return {random.values().begin(), random.values().end()};
}

/// What an output holds before a kernel has written it.
inline std::vector<float> unwritten(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count), std::numeric_limits<float>::quiet_NaN());
}

}  // namespace backlight::test
