// Vectors of a row's elements at a stride, in terms of a vector type as micro_kernels_impl.hpp describes it.
//
// V has besides: evens(a, b), the elements 0, 2, 4 ... of a and then of b.
#pragma once

#include <cstdint>

namespace backlight::cpu {
namespace {

/// p + offset where the address may lie before an array of which only later lanes are read.
template <class T>
const T* at(const T* p, std::int64_t offset) {
  return reinterpret_cast<const T*>(reinterpret_cast<std::intptr_t>(p) +
                                    offset * static_cast<std::int64_t>(sizeof(T)));
}

/// The lanes' elements of a row: first, first + S, first + 2·S ..., for a stride S of 1 or 2.
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
  /// `outside` where there is no such element.
  typename V::Reg load(const typename V::T* row, typename V::Reg outside) const {
    const auto a = V::load(outside, masks[0], at(row, first));
    if constexpr (S == 1)
      return a;
    else
      return V::evens(a, V::load(outside, masks[1], at(row, first + V::kLanes)));
  }

  std::int64_t first;
  typename V::Mask masks[S];
};

}  // namespace
}  // namespace backlight::cpu
