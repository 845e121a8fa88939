// Maxima of a plane's windows, in terms of a vector type as micro_kernels_impl.hpp describes it, which includes this.
//
// V has besides: greater(v, best), v where it is greater than best or not a number, else best.
#pragma once

#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/gemm/strided_lanes.hpp"

namespace backlight::cpu {
namespace {

/// K×K windows at stride 2.
template <class V, int K>
void max_pool(const PlaneExtents& p, const typename V::T* x, typename V::T* y) {
  const auto least = V::set(-static_cast<typename V::T>(__builtin_inf()));
  for (std::int64_t q = 0; q < p.out_width; q += V::kLanes) {
    StridedLanes<V, 2> columns[K];
    for (int s = 0; s < K; ++s) columns[s].set(2 * q + s - p.pad_left, p.in_width);
    const std::int64_t left = p.out_width - q;
    const auto lanes = V::mask(0, left < V::kLanes ? static_cast<int>(left) : V::kLanes);
    for (std::int64_t i = 0; i < p.out_height; ++i) {
      auto best = least;
#pragma GCC unroll 3
      for (int r = 0; r < K; ++r) {
        const std::int64_t row = 2 * i + r - p.pad_top;
        if (row < 0 || row >= p.in_height) continue;
#pragma GCC unroll 3
        for (int s = 0; s < K; ++s) best = V::greater(columns[s].load(x + row * p.in_width, least), best);
      }
      V::store(y + i * p.out_width + q, lanes, best);
    }
  }
}

}  // namespace
}  // namespace backlight::cpu
