// How large a grid is, and whether 32-bit indices suffice. Where not, the operation refuses by name.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "engine/core/error.hpp"

namespace backlight::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

/// `count` as an index of 32 bits, whose divisions are several times cheaper on a GPU. Throws
/// Error(unsupported) where it does not fit.
inline unsigned index32(std::int64_t count, std::string_view operation) {
  if (count > std::numeric_limits<std::int32_t>::max())
    throw Error(ErrorKind::unsupported, "[", operation, "] ", count,
                " elements are too many for one kernel, expected fewer than 2^31");
  return static_cast<unsigned>(count);
}

/// Blocks for `items`, `per_block` of them in each. Throws Error(unsupported) where a grid is too small.
inline unsigned blocks_for(std::int64_t items, std::int64_t per_block, std::string_view operation) {
  const std::int64_t blocks = (items + per_block - 1) / per_block;
  if (blocks > std::numeric_limits<std::int32_t>::max())
    throw Error(ErrorKind::unsupported, "[", operation, "] ", items, " items are too many for one kernel");
  return static_cast<unsigned>(blocks);
}

}  // namespace backlight::cuda
