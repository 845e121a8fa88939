// What the study's versions share.
#pragma once

#include <cstdint>

#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"

namespace backlight::study {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

/// Throws Error(unsupported) where a grid cannot have that many blocks.
inline unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  return cuda::blocks_for(items, per_block, "study");
}

inline bool at_16_bytes(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

/// Every lane gets the sum over the warp.
__device__ inline float warp_sum(float value) {
  for (int delta = kWarp / 2; delta > 0; delta /= 2) value += __shfl_xor_sync(kAllLanes, value, delta);
  return value;
}

}  // namespace backlight::study
