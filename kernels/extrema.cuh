// Joining extrema on the device.
#pragma once

#include "kernels/extrema.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {

__device__ inline Extrema merged(Extrema a, Extrema b) {
  return {max(a.negated_low_key, b.negated_low_key), max(a.high_key, b.high_key)};
}

/// Adds what the lanes of a warp found to `total`. All lanes must call; one that found nothing gives {}.
__device__ inline void add_of_warp(Extrema* total, Extrema found) {
  constexpr unsigned kAllLanes = 0xffffffffu;
  for (int bits = 16; bits > 0; bits /= 2)
    found = merged(found, {__shfl_xor_sync(kAllLanes, found.negated_low_key, bits),
                           __shfl_xor_sync(kAllLanes, found.high_key, bits)});
  if ((threadIdx.y * blockDim.x + threadIdx.x) % 32 != 0) return;
  atomicMax(&total->negated_low_key, found.negated_low_key);
  atomicMax(&total->high_key, found.high_key);
}

}  // namespace backlight::cuda
