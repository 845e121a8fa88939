// The CPU's convolutions for a given instruction set; kernels/conv2d/conv2d.hpp has their equations.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/conv2d/patches.hpp"
#include "kernels/gemm/micro_kernels.hpp"

namespace backlight::cpu {

/// `packed`: the weights as conv2d_pack arranged them for these kernels, or null.
template <class T>
void conv2d_forward_by(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& params,
                       const T* x, const T* w, const T* bias, T* y, const Tensor* packed = nullptr,
                       const Epilogue<T>& epilogue = {});
template <class T>
void conv2d_backward_data_by(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& params,
                             const T* dy, const T* w, T* dx);
template <class T>
void conv2d_backward_filter_by(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& params,
                               const T* x, const T* dy, T* dw);

/// One plane convolved with one filter; `w` has vertical.taps × horizontal.taps elements.
template <class T>
struct PlaneProblem {
  const T* x;
  const T* w;
  T bias;
  T* y;
  Epilogue<T> epilogue = {};  ///< residual: of this plane
};

/// A depthwise convolution, plane by plane.
template <class T>
void conv2d_planes(Context& context, const MicroKernels<T>& kernels, const Axis& vertical,
                   const Axis& horizontal, std::span<const PlaneProblem<T>> problems);

}  // namespace backlight::cpu
