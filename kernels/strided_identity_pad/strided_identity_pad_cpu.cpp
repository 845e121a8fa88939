#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/subsample_pad/subsample_pad.hpp"

namespace backlight::cpu {
namespace {
constexpr std::int64_t kGrain = 1 << 15;
}

template <class T>
void subsample_pad_forward(Context& context, const SubsamplePadParams& p, const T* x, T* y) {
  const std::int64_t plane = p.out_h * p.out_w;
  const std::int64_t grain = kGrain / std::max<std::int64_t>(1, plane);
  context.parallel_ranges(p.n * p.out_channels, grain, [=, &p](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      T* yp = y + item * plane;
      const std::int64_t c = item % p.out_channels - p.front;
      if (c < 0 || c >= p.channels) {
        std::fill_n(yp, plane, T{0});
        continue;
      }
      const T* xp = x + (item / p.out_channels * p.channels + c) * p.h * p.w;
      for (std::int64_t i = 0; i < p.out_h; ++i)
        for (std::int64_t j = 0; j < p.out_w; ++j)
          yp[i * p.out_w + j] = xp[i * p.stride * p.w + j * p.stride];
    }
  });
}

template <class T>
void subsample_pad_backward(Context& context, const SubsamplePadParams& p, const T* dy, T* dx) {
  const std::int64_t plane = p.h * p.w;
  const std::int64_t grain = kGrain / std::max<std::int64_t>(1, plane);
  context.parallel_ranges(p.n * p.channels, grain, [=, &p](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      T* dxp = dx + item * plane;
      const std::int64_t c = item % p.channels + p.front;
      const T* dyp = dy + (item / p.channels * p.out_channels + c) * p.out_h * p.out_w;
      std::fill_n(dxp, plane, T{0});
      for (std::int64_t i = 0; i < p.out_h; ++i)
        for (std::int64_t j = 0; j < p.out_w; ++j)
          dxp[i * p.stride * p.w + j * p.stride] = dyp[i * p.out_w + j];
    }
  });
}

template void subsample_pad_forward(Context&, const SubsamplePadParams&, const float*, float*);
template void subsample_pad_forward(Context&, const SubsamplePadParams&, const double*, double*);
template void subsample_pad_backward(Context&, const SubsamplePadParams&, const float*, float*);
template void subsample_pad_backward(Context&, const SubsamplePadParams&, const double*, double*);

}  // namespace backlight::cpu
