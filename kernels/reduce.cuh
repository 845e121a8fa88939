// Rows of numbers, and how the threads that share a row reduce it. A kernel written against either kind of
// row serves both layouts; the order of a sum follows from the row's length alone.
#pragma once

#include <cstdint>

#include "kernels/grid.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {

constexpr int kRowThreads = 256;

/// A row for each block, neighbouring threads at neighbouring elements.
class BlockRow {
 public:
  /// Threads of a block: a warp for short rows, whose blocks then share a multiprocessor in greater number.
  static constexpr int threads(std::int64_t length) { return length <= 128 ? 32 : kRowThreads; }

  template <class Fn>
  __device__ void each(std::int64_t length, const Fn& fn) const {
    for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) fn(i);
  }

  /// op over the values of all threads, in every thread. All threads of the block must call.
  template <class T, class Op>
  __device__ T reduce(T value, const Op& op) const {
    SHARED(T, partial, [kRowThreads / 32]);
    for (int bits = 16; bits > 0; bits /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, bits));
    __syncthreads();  // an earlier reduction has been read
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    value = partial[0];
    for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) value = op(value, partial[warp]);
    return value;
  }
};

/// A row for each thread.
class ThreadRow {
 public:
  template <class Fn>
  __device__ void each(std::int64_t length, const Fn& fn) const {
#pragma unroll 4
    for (std::int64_t i = 0; i < length; ++i) fn(i);
  }
  template <class T, class Op>
  __device__ T reduce(T value, const Op&) const {
    return value;
  }
};

struct Plus {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Larger {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

/// Σ fn(i) over a row, in every thread of it.
template <class T, class Row, class Fn>
__device__ T row_sum(const Row& row, std::int64_t length, const Fn& fn) {
  T sum = 0;
  row.each(length, [&](std::int64_t i) { sum += fn(i); });
  return row.reduce(sum, Plus{});
}

/// The largest fn(i) that is no NaN, in every thread of a row; −∞ where there is none.
template <class Row, class Fn>
__device__ float row_max(const Row& row, std::int64_t length, const Fn& fn) {
  float largest = -INFINITY;
  row.each(length, [&](std::int64_t i) { largest = Larger{}(largest, fn(i)); });
  return row.reduce(largest, Larger{});
}

}  // namespace backlight::cuda
