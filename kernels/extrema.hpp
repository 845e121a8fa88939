// The least and the greatest of floats that kernels find in any order.
#pragma once

#include <bit>
#include <cstdint>

namespace backlight {

/// Kept as integers that only grow, so that atomicMax joins what blocks found, in any order with one result,
/// and cleared memory means "nothing yet". NaN lies beyond the infinities: it shows in `low()` or `high()`.
struct Extrema {
  std::uint32_t negated_low_key, high_key;

  /// Of one value.
  static constexpr Extrema of(float value) {
    const std::uint32_t key = key_of(value);
    return {~key, key};
  }
  constexpr float low() const { return value_of(~negated_low_key); }
  constexpr float high() const { return value_of(high_key); }

 private:
  static constexpr std::uint32_t kSign = 0x80000000u;
  /// In the order of the floats.
  static constexpr std::uint32_t key_of(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    return bits & kSign ? ~bits : bits | kSign;
  }
  static constexpr float value_of(std::uint32_t key) {
    return std::bit_cast<float>(key & kSign ? key & ~kSign : ~key);
  }
};

}  // namespace backlight
