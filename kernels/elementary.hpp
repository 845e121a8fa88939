// Functions that the standard library computes one at a time, written so that a compiler computes several at once: without
// branches or tables. Of the CPU's code and CUDA's alike, so that both give the same values. double takes the library's.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <type_traits>

namespace backlight {

/// e^x, to 1.1 units in the last place, subnormal results and infinities included; NaN of NaN. Reduced by powers of two to
/// |r| ≤ ln 2/2, of which the polynomial is Cephes' (expf.c, Moshier).
template <class T>
constexpr T exponential(T x) {
  if constexpr (!std::is_same_v<T, float>) {
    return std::exp(x);
  } else {
    constexpr float kRound = 0x1.8p23F;  // added, it leaves the nearest integer in the lowest bits
    const float bounded = x < -104.0F ? -104.0F : x > 89.0F ? 89.0F : x;
    const float shifted = bounded * std::numbers::log2e_v<float> + kRound;
    const float n = shifted - kRound;
    const float r = (bounded - n * 0.693359375F) - n * -2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    // In two factors, since 2ⁿ itself may be no float.
    const std::int32_t power = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound);
    const std::int32_t half = power >> 1;
    const auto two_to = [](std::int32_t k) {
      return std::bit_cast<float>((static_cast<std::uint32_t>(k) + 127U) << 23);
    };
    return p * two_to(half) * two_to(power - half);
  }
}

/// tanh(x), to 1.4 units in the last place. Below 0.625 the polynomial is Cephes' (tanhf.c).
template <class T>
constexpr T hyperbolic_tangent(T x) {
  if constexpr (!std::is_same_v<T, float>) {
    return std::tanh(x);
  } else {
    const float z = x * x;
    float p = -5.70498872745e-3F;
    p = p * z + 2.06390887954e-2F;
    p = p * z - 5.37397155531e-2F;
    p = p * z + 1.33314422036e-1F;
    p = p * z - 3.33332819422e-1F;
    const float near = p * z * x + x;
    const float magnitude = x < 0.0F ? -x : x;
    const float far = 1.0F - 2.0F / (exponential(2.0F * magnitude) + 1.0F);
    return magnitude < 0.625F ? near : x < 0.0F ? -far : far;
  }
}

/// σ(x) = 1/(1 + e^−x).
template <class T>
constexpr T logistic(T x) {
  return T{1} / (T{1} + exponential(-x));
}

}  // namespace backlight
