// Convolutions as matrix products: the image's patches as a matrix that is never written down as a whole, and
// the gradient with respect to the image as convolutions of stride 1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/gemm/gemm.hpp"

namespace backlight::cpu {

/// One axis of a convolution: output position p and tap t read position p·stride + origin + t·step of the
/// input, which is zero outside of [0, in).
struct Axis {
  std::int64_t in, out, taps, stride, step, origin;
};

Axis vertical(const Conv2dParams& params);
Axis horizontal(const Conv2dParams& params);

/// The gradient at the input positions `first` + i·`every`: a convolution over dy, by stride 1, with the
/// kernel's taps `tap` + t·`tap_step`.
struct GradientPhase {
  Axis axis;
  std::int64_t first, every;
  std::int64_t tap, tap_step;
};

/// An input position h gets a gradient from output position p through tap r where p·stride + r·dilation =
/// h + pad; so h mod stride decides which taps take part. One phase for each of the remainders that occur.
GradientPhase gradient_phase(const Axis& forward, std::int64_t remainder);

/// to[i] = from[i·stride] for i < count. Compilers have a vector form for a stride that they know.
template <class T>
void copy_strided(const T* from, std::int64_t stride, std::int64_t count, T* to) {
  if (stride == 1)
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
  else if (stride == 2)
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[2 * i];
  else
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
}

/// How many remainders of their positions by the stride the inputs of an axis have.
inline std::int64_t remainders(const Axis& axis) { return std::min(axis.stride, axis.in); }

/// Rows of every plane cut into one row for each remainder of the column: columns that a strided convolution
/// reads become neighbours. x has planes × height rows of `width`, split has planes × height × min(stride,
/// width) rows of ceil(width / stride).
template <class T>
void split_columns(Context& context, std::int64_t rows, std::int64_t width, std::int64_t stride, const T* x,
                   T* split);

/// Column i of B is output position i, its rows are (channel, vertical tap, horizontal tap). `x` is one group
/// of one image; its columns are split where horizontal.stride > 1.
template <class T>
class Patches final : public MatrixSource<T> {
 public:
  Patches(const Axis& vertical, const Axis& horizontal, const T* x);
  void pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
            std::int64_t depth, T* panel) const override;
  Stepping<T> in_memory(std::int64_t i, std::int64_t k) const override;

 private:
  int runs_of(std::int64_t i0, int count, std::int64_t r, std::int64_t s, Run* runs) const;

  Axis vertical_, horizontal_;
  std::int64_t remainders_, pitch_;  ///< split rows of a row, elements in one
  bool are_pixels_;                  ///< the patches, in the order of the image
  const T* x_;
};

/// The transpose: column i of B is (channel, vertical tap, horizontal tap), its rows are output positions.
/// The columns of x are not split.
template <class T>
class PatchesTransposed final : public MatrixSource<T> {
 public:
  PatchesTransposed(const Axis& vertical, const Axis& horizontal, const T* x)
      : vertical_(vertical), horizontal_(horizontal), x_(x) {}
  void pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
            std::int64_t depth, T* panel) const override;

 private:
  Axis vertical_, horizontal_;
  const T* x_;
};

/// A for the gradient with respect to the image: row i is an input channel of the group, its columns are
/// (output channel, vertical tap, horizontal tap) of a phase.
template <class T>
class GradientWeights final : public MatrixSource<T> {
 public:
  /// `w` is the group's first element.
  GradientWeights(const Conv2dParams& params, const GradientPhase& vertical, const GradientPhase& horizontal,
                  const T* w);
  void pack(const MicroKernels<T>& kernels, std::int64_t i0, int count, int width, std::int64_t k0,
            std::int64_t depth, T* panel) const override;

 private:
  std::int64_t rows_, columns_;  ///< taps
  std::int64_t i_stride_, o_stride_, row_stride_, column_stride_;
  const T* w_;
};

}  // namespace backlight::cpu
