#include <algorithm>
#include <array>

#include "engine/runtime/device.hpp"
#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/grain.hpp"

namespace backlight::cpu {

template <class T>
void channel_sum(Context& context, const ChannelMaps& maps, double scale, const T* g, T* alpha) {
  const std::int64_t grain = ceil_div(kGrain, std::max<std::int64_t>(maps.plane, 1));
  context.parallel_ranges(maps.batch * maps.channels, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      double sum = 0;
      for (std::int64_t i = 0; i < maps.plane; ++i) sum += static_cast<double>(g[k * maps.plane + i]);
      alpha[k] = static_cast<T>(scale * sum);
    }
  });
}

template <class T>
void weighted_sum(Context& context, const ChannelMaps& maps, const T* alpha, const T* a, T* map) {
  constexpr std::int64_t kBlock = 512;  // positions whose sums stay in the first-level cache
  const std::int64_t blocks = (maps.plane + kBlock - 1) / kBlock;
  context.parallel_for(maps.batch * blocks, [=](std::int64_t item, int) {
    const std::int64_t n = item / blocks, begin = item % blocks * kBlock;
    const std::int64_t count = std::min(kBlock, maps.plane - begin);
    std::array<double, kBlock> sums{};
    for (std::int64_t k = 0; k < maps.channels; ++k) {
      const double weight = static_cast<double>(alpha[n * maps.channels + k]);
      const T* row = a + (n * maps.channels + k) * maps.plane + begin;
      for (std::int64_t i = 0; i < count; ++i)
        sums[static_cast<std::size_t>(i)] += weight * static_cast<double>(row[i]);
    }
    for (std::int64_t i = 0; i < count; ++i)
      map[n * maps.plane + begin + i] = static_cast<T>(sums[static_cast<std::size_t>(i)]);
  });
}

template void channel_sum(Context&, const ChannelMaps&, double, const float*, float*);
template void channel_sum(Context&, const ChannelMaps&, double, const double*, double*);
template void weighted_sum(Context&, const ChannelMaps&, const float*, const float*, float*);
template void weighted_sum(Context&, const ChannelMaps&, const double*, const double*, double*);

}  // namespace backlight::cpu
