#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/strided_identity_pad/strided_identity_pad.hpp"

namespace backlight::cpu {

template <class T>
void strided_identity_pad_forward(Context& context, const StridedIdentityPadParams& p, const T* x, T* y) {
  const std::int64_t plane = p.out_height * p.out_width;
  const std::int64_t grain = kGrain / std::max<std::int64_t>(1, plane);
  context.parallel_ranges(p.batch * p.out_channels, grain, [=, &p](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      T* yp = y + item * plane;
      const std::int64_t c = item % p.out_channels - p.front;
      if (c < 0 || c >= p.channels) {
        std::fill_n(yp, plane, T{0});
        continue;
      }
      const T* xp = x + (item / p.out_channels * p.channels + c) * p.in_height * p.in_width;
      for (std::int64_t i = 0; i < p.out_height; ++i)
        for (std::int64_t j = 0; j < p.out_width; ++j)
          yp[i * p.out_width + j] = xp[i * p.stride * p.in_width + j * p.stride];
    }
  });
}

template <class T>
void strided_identity_pad_backward(Context& context, const StridedIdentityPadParams& p, const T* dy, T* dx) {
  const std::int64_t plane = p.in_height * p.in_width;
  const std::int64_t grain = kGrain / std::max<std::int64_t>(1, plane);
  context.parallel_ranges(p.batch * p.channels, grain, [=, &p](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      T* dxp = dx + item * plane;
      const std::int64_t c = item % p.channels + p.front;
      const T* dyp = dy + (item / p.channels * p.out_channels + c) * p.out_height * p.out_width;
      std::fill_n(dxp, plane, T{0});
      for (std::int64_t i = 0; i < p.out_height; ++i)
        for (std::int64_t j = 0; j < p.out_width; ++j)
          dxp[i * p.stride * p.in_width + j * p.stride] = dyp[i * p.out_width + j];
    }
  });
}

template void strided_identity_pad_forward(Context&, const StridedIdentityPadParams&, const float*, float*);
template void strided_identity_pad_forward(Context&, const StridedIdentityPadParams&, const double*, double*);
template void strided_identity_pad_backward(Context&, const StridedIdentityPadParams&, const float*, float*);
template void strided_identity_pad_backward(Context&, const StridedIdentityPadParams&, const double*,
                                            double*);

}  // namespace backlight::cpu
