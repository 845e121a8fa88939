// The two reductions of Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2), per image n:
//
//   channel_sum    α[n,k] = s · Σ_ij g[n,k,i,j]        g = ∂y^c/∂A, s = 1/(h·w) for the paper's mean
//   weighted_sum   L[n,i,j] = Σ_k α[n,k] · A[n,k,i,j]  before the ReLU
#pragma once

#include <cstdint>

namespace backlight {

class Context;

struct ChannelMaps {
  std::int64_t batch = 0, channels = 0, area = 0;  ///< area = h·w
};

namespace cpu {

/// alpha: batch×channels. Sums in double, in storage order.
template <class T>
void channel_sum(Context& context, const ChannelMaps& maps, double scale, const T* g, T* alpha);

/// map: batch×area. Sums in double, channel by channel.
template <class T>
void weighted_sum(Context& context, const ChannelMaps& maps, const T* alpha, const T* a, T* map);

}  // namespace cpu
}  // namespace backlight
