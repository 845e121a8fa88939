// The two reductions of Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2), per image n:
//
//   channel_sum    α[n,k] = s · Σ_ij g[n,k,i,j]        g = ∂y^c/∂A, s = 1/(h·w) for the paper's mean
//   weighted_sum   L[n,i,j] = Σ_k α[n,k] · A[n,k,i,j]  before the ReLU
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/extrema.hpp"

namespace backlight {

class Context;

struct ChannelMaps {
  std::int64_t batch = 0, channels = 0, plane = 0;  ///< plane = h·w
};

/// `raw` stores the sums, `rectified` ReLU of them.
enum class MapValues : std::uint8_t { raw, rectified };

namespace cpu {

/// alpha: batch×channels. Sums in double, in storage order.
template <class T>
void channel_sum(Context& context, const ChannelMaps& maps, double scale, const T* g, T* alpha);

/// map: batch×plane. Sums in double, channel by channel.
template <class T>
void weighted_sum(Context& context, const ChannelMaps& maps, const T* alpha, const T* a, T* map);

}  // namespace cpu

/// As cpu:: does, but with sums in float32, in an order that depends on neither the batch nor the position in
/// it. In the context's stream.
namespace cuda {

void channel_sum(Context& context, const ChannelMaps& maps, double scale, const float* g, float* alpha);
void weighted_sum(Context& context, const ChannelMaps& maps, const float* alpha, const float* a, float* map);

/// weighted_sum, and in the same pass the extrema of every image's sums, before any ReLU. They tell whether
/// anything speaks for the class, whether all is finite, and the range that a display normalises by.
void weighted_sum_extrema(Context& context, const ChannelMaps& maps, MapValues values, const float* alpha,
                          const float* a, float* map, Extrema* extrema);

constexpr Cost channel_sum_cost(const ChannelMaps& m) {
  const std::int64_t rows = m.batch * m.channels;
  return {4 * (rows * m.plane + rows), rows * m.plane + rows};
}
constexpr Cost weighted_sum_cost(const ChannelMaps& m) {
  const std::int64_t rows = m.batch * m.channels;
  return {4 * (rows * m.plane + rows + m.batch * m.plane), 2 * rows * m.plane};
}
/// Two comparisons more for each sum, and one for the ReLU.
constexpr Cost weighted_sum_extrema_cost(const ChannelMaps& m, MapValues values) {
  const Cost sum = weighted_sum_cost(m);
  return {sum.bytes + m.batch * static_cast<std::int64_t>(sizeof(Extrema)),
          sum.flops + m.batch * m.plane * (values == MapValues::rectified ? 3 : 2)};
}

}  // namespace cuda
}  // namespace backlight
