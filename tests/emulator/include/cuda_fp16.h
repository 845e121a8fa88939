// Substitute for CUDA's <cuda_fp16.h>: float16 as 16 bits, converted in software. Rounds to the nearest, ties
// to even; what is too large becomes infinity, as on the device.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

struct __half {
  std::uint16_t bits;
};

inline float __half2float(__half value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = value.bits >> 10 & 31u, fraction = value.bits & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
  return sign ? -magnitude : magnitude;
}

inline __half __float2half_rn(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  const auto half = [sign](std::uint32_t rest) { return __half{static_cast<std::uint16_t>(sign | rest)}; };
  if (magnitude > 0x7f800000u) return half(0x7fffu);
  if (magnitude >= 0x47800000u) return half(0x7c00u);
  // Adding half of the last place that stays, or a hair less where that place is even, rounds; a carry moves
  // into the exponent, where it belongs, up to infinity.
  if (magnitude >= 0x38800000u)
    return half((magnitude - 0x38000000u + 0x0fffu + (magnitude >> 13 & 1u)) >> 13);
  // Below 2^-14 the last place is 2^-24: adding 0.5 lets the float unit round there.
  const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
  return half(std::bit_cast<std::uint32_t>(aligned) - 0x3f000000u);
}
