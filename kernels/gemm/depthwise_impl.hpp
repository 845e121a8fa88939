// A plane convolved with one filter, straight from the image, in terms of a vector type as micro_kernels_impl.hpp
// describes it, which includes this.
//
// V has besides: evens(a, b), the elements 0, 2, 4 ... of a and then of b.
#pragma once

#include "kernels/gemm/micro_kernels.hpp"

namespace backlight::cpu {
namespace {

/// p + offset where the address may lie before an array of which only later lanes are read.
template <class T>
const T* at(const T* p, std::int64_t offset) {
  return reinterpret_cast<const T*>(reinterpret_cast<std::intptr_t>(p) +
                                    offset * static_cast<std::int64_t>(sizeof(T)));
}

/// The lanes' elements of a row: first, first + S, first + 2·S ..., zero outside of the row.
template <class V, int S>
struct StridedLanes {
  void set(std::int64_t from, std::int64_t width) {
    first = from;
    for (int i = 0; i < S; ++i, from += V::kLanes) {
      const std::int64_t low = from < 0 ? -from : 0, high = width - from;
      const int begin = low < V::kLanes ? static_cast<int>(low) : V::kLanes;
      const int end = high < V::kLanes ? static_cast<int>(high) : V::kLanes;
      masks[i] = V::mask(begin, end > begin ? end : begin);
    }
  }
  typename V::Reg load(const typename V::T* row) const {
    const auto a = V::load(V::zero(), masks[0], at(row, first));
    if constexpr (S == 1)
      return a;
    else
      return V::evens(a, V::load(V::zero(), masks[1], at(row, first + V::kLanes)));
  }

  std::int64_t first;
  typename V::Mask masks[S];
};

/// K×K taps at stride S. A vector of columns goes down the plane, a few rows of y at a time, so that a row of x is read
/// once for all of them.
template <class V, int K, int S>
void depthwise_plane(const DepthwisePlane& d, const typename V::T* x, const typename V::T* w,
                     typename V::T bias, const typename V::T* residual, bool relu, typename V::T upper,
                     typename V::T* y) {
  constexpr int kRows = S == 1 ? 4 : 2;
  const auto zero = V::zero(), most = V::set(upper);
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
        for (int s = 0; s < K; ++s) from[s] = columns[s].load(x + row * d.in_width);
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
        auto result = sum[r];
        if (residual) result = result + V::load(zero, lanes, residual + to);
        if (relu) result = V::at_most(most, V::at_least(zero, result));
        V::store(y + to, lanes, result);
      }
    }
  }
}

}  // namespace
}  // namespace backlight::cpu
