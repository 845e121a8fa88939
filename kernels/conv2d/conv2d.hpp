// 2-D convolution (cross-correlation, as every framework calls it), per image n and group g:
//
//   forward          y[o,p,q]  = b[o] + Σ_{c,r,s} w[o,c,r,s] · x[c, p·sh + r·dh − top, q·sw + s·dw − left]
//   backward_data    dx[c,h,v] = Σ_{o,r,s} w[o,c,r,s] · dy[o,p,q]    over p·sh + r·dh − top = h, likewise q
//   backward_filter  dw[o,c,r,s] += Σ_{n,p,q} dy[n,o,p,q] · x[n, c, p·sh + r·dh − top, q·sw + s·dw − left]
//   backward_bias    db[o] += Σ_{n,p,q} dy[n,o,p,q]
//
// x outside of the image is zero. o and c run over the channels of one group.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <utility>

#include "kernels/cost.hpp"
#include "kernels/epilogue.hpp"

namespace backlight {

class Context;
class Tensor;

/// x is batch × in_channels × in_height × in_width, y is batch × out_channels × out_height × out_width, w is
/// out_channels × in_channels/groups × kernel_height × kernel_width; all contiguous. The padding below and to
/// the right follows from the extents.
struct Conv2dParams {
  std::int64_t batch = 1;
  std::int64_t in_channels = 1, in_height = 1, in_width = 1;
  std::int64_t out_channels = 1, out_height = 1, out_width = 1;
  std::int64_t kernel_height = 1, kernel_width = 1;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t dilation_height = 1, dilation_width = 1;
  std::int64_t pad_top = 0, pad_left = 0;
  std::int64_t groups = 1;

  friend auto operator<=>(const Conv2dParams&, const Conv2dParams&) = default;
};

/// The convolution over dy whose result is dx, with the filters turned around: for stride 1 and one group.
constexpr Conv2dParams gradient_params(const Conv2dParams& p) {
  Conv2dParams gradient = p;
  std::swap(gradient.in_channels, gradient.out_channels);
  std::swap(gradient.in_height, gradient.out_height);
  std::swap(gradient.in_width, gradient.out_width);
  gradient.pad_top = (p.kernel_height - 1) * p.dilation_height - p.pad_top;
  gradient.pad_left = (p.kernel_width - 1) * p.dilation_width - p.pad_left;
  return gradient;
}

namespace cpu {

/// The ways of a convolution: `few_columns` and `patches` are products of matrices, of pixels that lie together where
/// it is `pointwise`.
enum class Conv2dKernel : std::uint8_t { winograd_4x4, winograd_2x2, depthwise, few_columns, pointwise, patches };
std::string_view name_of(Conv2dKernel kernel);
/// What conv2d_fused_forward takes; `packed`: what conv2d_pack or conv2d_pack_gradient made, or null.
Conv2dKernel conv2d_kernel(const Conv2dParams& params, const Tensor* packed);

/// `bias` has out_channels elements or is null. Overwrites y.
template <class T>
void conv2d_forward(Context& context, const Conv2dParams& params, const T* x, const T* w, const T* bias,
                    T* y);
/// The weights as the forward reads them, arranged once, in the host's memory; undefined where there is nothing to
/// arrange. `winograd`: where it is faster, for that algorithm, whose result is rounded otherwise.
template <class T>
Tensor conv2d_pack(const Context& context, const Conv2dParams& params, const T* w, bool winograd);
/// The weights with which conv2d_fused_forward computes backward_data, given gradient_params and no w.
template <class T>
Tensor conv2d_pack_gradient(const Context& context, const Conv2dParams& params, const T* w, bool winograd);
/// As conv2d_forward, and then the epilogue, whose residual lies apart from y. `packed`: what conv2d_pack made of w,
/// or null.
template <class T>
void conv2d_fused_forward(Context& context, const Conv2dParams& params, const T* x, const T* w,
                          const Tensor* packed, const T* bias, const Epilogue<T>& epilogue, T* y);
/// Overwrites dx.
template <class T>
void conv2d_backward_data(Context& context, const Conv2dParams& params, const T* dy, const T* w, T* dx);
/// Adds to dw, image by image.
template <class T>
void conv2d_backward_filter(Context& context, const Conv2dParams& params, const T* x, const T* dy, T* dw);
/// Adds to db, image by image.
template <class T>
void conv2d_backward_bias(Context& context, const Conv2dParams& params, const T* dy, T* db);

}  // namespace cpu

/// As cpu:: does, by cuDNN in the context's stream and precision. What a shape needs, plans and workspace, is
/// made when it first comes, which must not be while a graph is captured. Throws Error(unsupported) where
/// cuDNN has no plan.
namespace cuda {

void conv2d_forward(Context& context, const Conv2dParams& params, const float* x, const float* w,
                    const float* bias, float* y);
/// Nothing: cuDNN arranges weights itself.
Tensor conv2d_pack(const Context& context, const Conv2dParams& params, const float* w, bool winograd);
Tensor conv2d_pack_gradient(const Context& context, const Conv2dParams& params, const float* w,
                            bool winograd);
void conv2d_fused_forward(Context& context, const Conv2dParams& params, const float* x, const float* w,
                          const Tensor* packed, const float* bias, const Epilogue<float>& epilogue, float* y);
void conv2d_backward_data(Context& context, const Conv2dParams& params, const float* dy, const float* w,
                          float* dx);
void conv2d_backward_filter(Context& context, const Conv2dParams& params, const float* x, const float* dy,
                            float* dw);
void conv2d_backward_bias(Context& context, const Conv2dParams& params, const float* dy, float* db);

/// Of either of the three convolutions: each reads two of x, w, y and writes the third.
constexpr Cost conv2d_cost(const Conv2dParams& p) {
  const std::int64_t outputs = p.batch * p.out_channels * p.out_height * p.out_width;
  const std::int64_t taps = p.in_channels / p.groups * p.kernel_height * p.kernel_width;
  return {4 * (p.batch * p.in_channels * p.in_height * p.in_width + p.out_channels * taps + outputs),
          2 * outputs * taps};
}
constexpr Cost conv2d_backward_bias_cost(const Conv2dParams& p) {
  const std::int64_t elements = p.batch * p.out_channels * p.out_height * p.out_width;
  return {4 * elements + 8 * p.out_channels, elements};
}

}  // namespace cuda
}  // namespace backlight
