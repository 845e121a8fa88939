// How work is cut for the threads of the CPU: what one takes at a time is worth the handing out.
#pragma once

#include <cstdint>

namespace backlight::cpu {

/// Elements of a few operations each; that are only moved; with an exponential or a logarithm each.
inline constexpr std::int64_t kGrain = 1 << 15, kCopyGrain = 1 << 16, kExponentialGrain = 1 << 12;

/// a / b rounded up; a ≥ 0, b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace backlight::cpu
