// How large a grid is, and whether 32-bit indices suffice. Where not, the operation refuses by name.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace backlight::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

/// Throws Error(unsupported): so many elements are more than a kernel's 32-bit index reaches; so many items, or an
/// array of so many elements, need more blocks than a grid has.
[[noreturn]] void refuse_elements(std::int64_t count, std::string_view operation);
[[noreturn]] void refuse_items(std::int64_t items, std::string_view operation);
[[noreturn]] void refuse_array(std::int64_t count);

/// `count` as an index of 32 bits, whose divisions are several times cheaper on a GPU. Refuses what does not fit.
inline unsigned index32(std::int64_t count, std::string_view operation) {
  if (count > std::numeric_limits<std::int32_t>::max()) refuse_elements(count, operation);
  return static_cast<unsigned>(count);
}

/// Blocks for `items`, `per_block` of them in each. Refuses what a grid cannot hold.
inline unsigned blocks_for(std::int64_t items, std::int64_t per_block, std::string_view operation) {
  const std::int64_t blocks = (items + per_block - 1) / per_block;
  if (blocks > std::numeric_limits<std::int32_t>::max()) refuse_items(items, operation);
  return static_cast<unsigned>(blocks);
}

}  // namespace backlight::cuda
