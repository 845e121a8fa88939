// A plane convolved with one filter, straight from the image, in terms of a vector type as micro_kernels_impl.hpp
// describes it, which includes this.
#pragma once

#include "kernels/gemm/epilogue_impl.hpp"
#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/gemm/strided_lanes.hpp"

namespace backlight::cpu {
namespace {

/// K×K taps at stride S. A vector of columns goes down the plane, a few rows of y at a time, so that a row of x is read
/// once for all of them.
template <class V, int K, int S>
void depthwise_plane(const PlaneExtents& d, const typename V::T* x, const typename V::T* w,
                     typename V::T bias, const Epilogue<typename V::T>& epilogue, typename V::T* y) {
  constexpr int kRows = S == 1 ? 4 : 2;
  for (std::int64_t q = 0; q < d.out_width; q += V::kLanes) {
    StridedLanes<V, S> columns[K];
    for (int s = 0; s < K; ++s) columns[s].set(q * S + s - d.pad_left, d.in_width);
    const std::int64_t left = d.out_width - q;
    const auto lanes = V::mask(0, left < V::kLanes ? static_cast<int>(left) : V::kLanes);
    for (std::int64_t p = 0; p < d.out_height; p += kRows) {
      typename V::Reg sum[kRows];
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r] = V::set(bias);
#pragma GCC unroll 8
      for (int i = 0; i < S * (kRows - 1) + K; ++i) {
        const std::int64_t row = p * S + i - d.pad_top;
        if (row < 0 || row >= d.in_height) continue;
        typename V::Reg from[K];
#pragma GCC unroll 5
        for (int s = 0; s < K; ++s) from[s] = columns[s].load(x + row * d.in_width, V::zero());
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          const int tap = i - r * S;
          if (tap < 0 || tap >= K) continue;
#pragma GCC unroll 5
          for (int s = 0; s < K; ++s) sum[r] = V::fma(V::set(w[tap * K + s]), from[s], sum[r]);
        }
      }
      for (int r = 0; r < kRows && p + r < d.out_height; ++r) {
        const std::int64_t to = (p + r) * d.out_width + q;
        const auto residual =
            epilogue.residual ? V::load(V::zero(), lanes, epilogue.residual + to) : V::zero();
        V::store(y + to, lanes, followed<V>(sum[r], residual, epilogue));
      }
    }
  }
}

}  // namespace
}  // namespace backlight::cpu
