// The least that a kernel must do, from which the least time follows that it can take.
#pragma once

#include <cstdint>

namespace backlight {

/// Bytes between memory and processor when everything is read and written once, and operations on numbers
/// (a comparison is one, a multiplication and an addition are two).
struct Cost {
  std::int64_t bytes = 0, flops = 0;

  friend bool operator==(const Cost&, const Cost&) = default;
};

}  // namespace backlight
