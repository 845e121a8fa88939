// The innermost loops of the CPU's convolutions, linear layers and poolings, compiled once for every instruction set
// and chosen when the program runs.
//
// In every one of them an element of the result is one chain of fused multiply-adds in the order of the
// reduction index. How many rows, vectors or images a call takes on does not change a bit of it.
#pragma once

#include <cstdint>

#include "engine/core/isa.hpp"
#include "kernels/epilogue.hpp"

namespace backlight::cpu {

/// Lanes [first, last) of a panel, to be read from consecutive elements at `offset`.
struct Run {
  std::int64_t offset;
  int first, last;
};

/// The points of Winograd's transforms of 4×4 outputs beside 0 and infinity, of either sign: 1/√2 and √2.
inline constexpr double kWinogradNear = 0.70710678118654752440, kWinogradFar = 1.41421356237309504880;

/// `count` neighbours, at most a vector, of a plane and of a buffer of lines.
struct LineRun {
  std::int64_t plane;
  int line, count;
};

/// One vector of a depthwise convolution's output: y[y_at + j] for j < count, whose tap t reads
/// x[x_at + offsets[t] + j].
struct DepthwiseSlot {
  std::int64_t x_at, y_at;
  int count;
};

/// Extents of a plane that one filter or window passes over.
struct PlaneExtents {
  std::int64_t in_height, in_width, out_height, out_width, pad_top, pad_left;
};

template <class T>
struct MicroKernels {
  static constexpr int kMaxRows = 14, kMaxVectors = 2;
  static constexpr int kDepthwiseSlots = 4;
  static constexpr int kAxpyRows = 8;

  Isa isa;
  int lanes;  ///< elements in a vector
  int rows;   ///< a tile has 1 to `rows` rows and 1 to `vectors` vectors of columns
  int vectors;
  int dot_rows, dot_images;  ///< rows for one image; for several, at most dot_images, half as many

  /// c[i·ldc + j] = start + Σ_p a[p·rows + i] · b[p·vectors·lanes + j] for j < columns, where start is
  /// c[i·ldc + j] itself when `accumulate`, else bias[i], or 0 without a bias.
  /// Asks for what will be read soon: k elements, ahead_step apart from `ahead` on, which need not exist. What follows
  /// the product, or null, is done to c last; its residual is arranged as c is.
  using Tile = void (*)(std::int64_t k, const T* a, const T* b, const T* bias, bool accumulate, T* c,
                        std::int64_t ldc, int columns, const T* ahead, std::int64_t ahead_step,
                        const Epilogue<T>* epilogue);
  Tile tile[kMaxRows][kMaxVectors];  ///< by rows - 1 and vectors - 1

  /// Transposes: panel[k·width + i] = x[i·x_stride + k] for i < count, zero for count <= i < width, of each k < depth.
  void (*pack_rows)(const T* x, std::int64_t x_stride, int count, std::int64_t depth, int width, T* panel);

  /// Writes `rows` rows of `width` elements; row i from x + i·x_stride to panel + i·panel_stride. Elements of no run
  /// become zero.
  void (*copy_runs)(const Run* runs, int run_count, int width, std::int64_t rows, const T* x,
                    std::int64_t x_stride, T* panel, std::int64_t panel_stride);

  /// Every slot's elements: bias + Σ_t w[t] · x. Reads whole vectors of x.
  void (*depthwise)(const DepthwiseSlot* slots, std::int64_t slot_count, const T* x, const T* w,
                    const std::int64_t* offsets, std::int64_t taps, T bias, T* y);

  /// The same of a whole plane that needs no padding around it, for 3×3 and 5×5 taps (the first index) at strides 1 and 2
  /// in both directions; and the epilogue, whose residual is of this plane.
  using Plane = void (*)(const PlaneExtents& plane, const T* x, const T* w, T bias,
                         const Epilogue<T>& epilogue, T* y);
  Plane depthwise_plane[2][2];

  /// The greatest of each window of a plane, 2×2 and 3×3 at stride 2, in the order of max_pool2d_forward.
  void (*max_pool[2])(const PlaneExtents& plane, const T* x, T* y);

  /// y[n·y_stride + o] = bias[o] + Σ_i w[o·in + i] · x[n·in + i], in interleaved lanes that are then summed.
  using Dot = void (*)(std::int64_t in, const T* w, const T* x, const T* bias, T* y, std::int64_t y_stride);
  Dot dot[8][3];  ///< by rows of w - 1 and images - 1

  /// Winograd's input transform of a vector of tiles of n×n outputs, n = 2 and 4, which read patches of n + 2:
  /// v[((n + 2)·i + j)·v_stride + lane] = (Bᵀ d B)[i, j] of the lane's tile. Lines 2·i and 2·i + 1, of n · lanes elements,
  /// hold columns 0 to n - 1 and n to 2·n - 1 of row i of every tile; the runs fill them from the plane, and what none of
  /// them fills stays.
  void (*winograd_input[2])(const LineRun* runs, int run_count, const T* plane, T* lines, T* v,
                            std::int64_t v_stride);
  /// The output transform: (Aᵀ m A)[i, j] + bias of every tile is element n · lane + j of line i, and the runs take from
  /// these lines to the plane, past the epilogue, whose residual is of this plane.
  void (*winograd_output[2])(const T* m, std::int64_t m_stride, T bias, const LineRun* runs, int run_count,
                             const Epilogue<T>& epilogue, T* plane);

  /// apply() to `count` elements.
  void (*apply)(const Epilogue<T>& epilogue, std::int64_t count, T* y);

  /// y[i] += Σ_r scale[r] · rows[r][i] for i < count, at most kAxpyRows rows.
  void (*axpy)(int row_count, const T* scale, const T* const* rows, std::int64_t count, T* y);
};

/// float64 is computed in wider registers only, not by fused instructions. Throws Error(unsupported) for an
/// instruction set that is not available.
template <class T>
const MicroKernels<T>& micro_kernels(Isa isa);

}  // namespace backlight::cpu
