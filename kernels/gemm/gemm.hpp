// Matrix multiplication on the CPU: C = bias + A·B, C (m × n) row by row in memory, for operands that need
// not exist as matrices: a source writes the panels that the micro-kernel reads.
//
// What follows C in the same pass over memory, a residual and a ReLU, is done to each tile while it is in the cache.
//
// An element of C is one chain of fused multiply-adds over k = 0, 1, ..., whatever the blocks, the position
// in C, and the threads; so equal columns give equal bits.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/epilogue.hpp"
#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/grain.hpp"

namespace backlight {
class Context;
}

namespace backlight::cpu {

/// Elements of memory, `step` apart, or null.
template <class T>
struct Stepping {
  const T* from = nullptr;
  std::int64_t step = 0;
};

/// An operand by its elements (i, k): i is the row of A or the column of B.
template <class T>
class MatrixSource {
 public:
  virtual ~MatrixSource() = default;
  /// panel[(k - k0)·width + (i - i0)] = element (i, k) for i0 <= i < i0 + count and k0 <= k < k0 + depth.
  /// For A, width is count; for B a whole number of vectors, zero in the columns beyond count.
  virtual void pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
                    std::int64_t depth, T* panel) const = 0;
  /// Where (i, k), (i, k + 1) ... are elements of memory a fixed step apart, and (i + 1, k) follows (i, k): that place.
  virtual Stepping<T> in_memory(std::int64_t, std::int64_t) const { return {}; }
};

/// A as a matrix in memory: element (i, k) is data[i·stride + k].
template <class T>
class RowMajor final : public MatrixSource<T> {
 public:
  RowMajor(const T* data, std::int64_t stride) : data_(data), stride_(stride) {}
  void pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
            std::int64_t depth, T* panel) const override {
    kernels.pack_rows(data_ + i0 * stride_ + k0, stride_, count, depth, width, panel);
  }

 private:
  const T* data_;
  std::int64_t stride_;
};

/// Rows of a panel of A that a tile asks for before it reads them, as they come out of the third-level cache or memory.
inline constexpr std::int64_t kAhead = 40;

/// Row panels of A, at most a tile high and as equal as possible: a panel's rows for one block of depth lie together.
struct RowPanels {
  RowPanels(std::int64_t m, int rows) : whole(m), count(ceil_div(whole, rows)) {}
  std::int64_t begin(std::int64_t i) const { return whole * i / count; }

  std::int64_t whole, count;
};

struct GemmShape {
  std::int64_t m, n, k;
  std::int64_t ldc;         ///< distance between rows of C
  bool accumulate = false;  ///< C += A·B instead
};

template <class T>
struct GemmProblem {
  const MatrixSource<T>* a;
  const MatrixSource<T>* b;
  const T* bias;  ///< one element per row of C, or null; not read when accumulating
  T* c;
  const T* packed_a = nullptr;  ///< all of A as pack() arranged it, or pack_lanes(); then `a` is not read
  Epilogue<T> epilogue = {};    ///< residual: arranged as C is
};

/// Arranges A, m × k, for any number of calls with these micro-kernels: m·k elements.
template <class T>
void pack(const MicroKernels<T>& kernels, const MatrixSource<T>& a, std::int64_t m, std::int64_t k,
          T* packed);

/// Solves problems of one shape, sharing the work among the context's threads.
template <class T>
void gemm(Context& context, const MicroKernels<T>& kernels, const GemmShape& shape,
          std::span<const GemmProblem<T>> problems);

/// Arranges A for gemm_of_few_columns: ceil(m / lanes)·lanes·k elements.
template <class T>
void pack_lanes(const MicroKernels<T>& kernels, const MatrixSource<T>& a, std::int64_t m, std::int64_t k,
                T* packed);

/// gemm() to the bit, for a C of few columns, ldc = n apart, whose A pack_lanes arranged: columns of C are the rows of
/// tiles, rows of C the lanes. So 49 columns fill the registers, and A is read from memory once, in order.
template <class T>
void gemm_of_few_columns(Context& context, const MicroKernels<T>& kernels, const GemmShape& shape,
                         std::span<const GemmProblem<T>> problems);

}  // namespace backlight::cpu
