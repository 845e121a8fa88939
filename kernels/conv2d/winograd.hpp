// Winograd's convolution for 3×3 filters at stride 1: 36 multiplications for 4×4 outputs where the plain way needs 144.
//
//   Y = Aᵀ [ Σ_c (G g_c Gᵀ) ⊙ (Bᵀ d_c B) ] A        of each tile: d_c 6×6 of the input, g_c 3×3, Y 4×4
//
// Toom and Cook's scheme: two polynomials are multiplied by their values at 0, ±1/√2, ±√2 and infinity, which round
// half as much as at the usual 0, ±1, ±2. The sum over c is a matrix product for each of the 36 places. Images below 8×8
// have tiles of 2×2 outputs, 4×4 of the input and the points 0, ±1 and infinity: 16 multiplications where the plain way
// needs 36.
//
// Lavin and Gray, Fast algorithms for convolutional neural networks, arXiv:1509.09308; Barabasz et al., Error analysis
// and improving the accuracy of Winograd convolution, arXiv:1803.10986.
#pragma once

#include "engine/core/tensor.hpp"
#include "kernels/conv2d/conv2d.hpp"
#include "kernels/gemm/micro_kernels.hpp"

namespace backlight::cpu {

/// Whether the filters are 3×3 at stride 1 and what is saved is more than what the transforms cost. Does not depend on
/// the batch.
bool winograd_pays(const Conv2dParams& params);

/// Whether winograd_pack made it: by its rank.
inline bool is_winograd(const Tensor& packed) { return packed.shape().rank() == 4; }

/// What the products of all tiles multiply and add.
std::int64_t winograd_operations(const Conv2dParams& params);

/// G g Gᵀ of every filter, computed in double, for these micro-kernels: 6 × 6 (4 × 4 for small tiles) × out_channels ×
/// in_channels.
template <class T>
Tensor winograd_pack(const Context& context, const MicroKernels<T>& kernels, const Conv2dParams& params,
                     const T* w);
/// Of the filters that gradient_params asks for, from the same w.
template <class T>
Tensor winograd_pack_gradient(const Context& context, const MicroKernels<T>& kernels,
                              const Conv2dParams& params, const T* w);

/// As conv2d_fused_forward, from what winograd_pack made. An element of y has the same bits whatever the batch and the
/// number of threads.
template <class T>
void winograd_forward(Context& context, const MicroKernels<T>& kernels, const Conv2dParams& params,
                      const T* x, const T* packed, const T* bias, const Epilogue<T>& epilogue, T* y);

}  // namespace backlight::cpu
