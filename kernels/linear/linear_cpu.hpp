// The CPU's linear layer for a given instruction set; kernels/linear/linear.hpp has its equations.
#pragma once

#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/linear/linear.hpp"

namespace backlight::cpu {

template <class T>
void linear_forward_by(Context& context, const MicroKernels<T>& kernels, const LinearParams& params,
                       const T* x, const T* w, const T* bias, T* y);
template <class T>
void linear_backward_data_by(Context& context, const MicroKernels<T>& kernels, const LinearParams& params,
                             const T* dy, const T* w, T* dx);
template <class T>
void linear_backward_filter_by(Context& context, const MicroKernels<T>& kernels, const LinearParams& params,
                               const T* x, const T* dy, T* dw);

}  // namespace backlight::cpu
