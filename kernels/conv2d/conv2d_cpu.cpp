#include <algorithm>

#include "engine/device.hpp"
#include "kernels/conv2d/conv2d.hpp"

namespace backlight::cpu {
namespace {

/// The output positions whose tap lies inside the image: 0 <= position·stride + offset < extent.
struct Range {
  std::int64_t begin, end;
};
Range inside(std::int64_t count, std::int64_t stride, std::int64_t offset, std::int64_t extent) {
  const std::int64_t begin = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const std::int64_t end = extent <= offset ? 0 : (extent - offset + stride - 1) / stride;
  return {std::min(begin, count), std::min(end, count)};
}

/// Calls fn(p, ih, columns, left) for every output row p whose tap (r, s) reads the image's row ih, at image
/// column q·stride + left for q in columns.
template <class Fn>
void each_row(const Conv2dParams& a, std::int64_t r, std::int64_t s, Fn&& fn) {
  const std::int64_t top = r * a.dilation_height - a.pad_top;
  const std::int64_t left = s * a.dilation_width - a.pad_left;
  const Range rows = inside(a.out_height, a.stride_height, top, a.in_height);
  const Range columns = inside(a.out_width, a.stride_width, left, a.in_width);
  for (std::int64_t p = rows.begin; p < rows.end; ++p) fn(p, p * a.stride_height + top, columns, left);
}

}  // namespace

template <class T>
void conv2d_forward(Context& context, const Conv2dParams& a, const T* x, const T* w, const T* bias, T* y) {
  const std::int64_t in_plane = a.in_height * a.in_width, out_plane = a.out_height * a.out_width;
  const std::int64_t c_per = a.in_channels / a.groups, o_per = a.out_channels / a.groups;
  context.parallel_for(a.batch * a.out_channels, [&](std::int64_t item, int) {
    const std::int64_t n = item / a.out_channels, o = item % a.out_channels;
    T* yo = y + item * out_plane;
    std::fill_n(yo, out_plane, bias ? bias[o] : T{0});
    for (std::int64_t c = 0; c < c_per; ++c) {
      const T* xc = x + (n * a.in_channels + o / o_per * c_per + c) * in_plane;
      const T* tap = w + (o * c_per + c) * a.kernel_height * a.kernel_width;
      for (std::int64_t r = 0; r < a.kernel_height; ++r)
        for (std::int64_t s = 0; s < a.kernel_width; ++s, ++tap)
          each_row(a, r, s, [&](std::int64_t p, std::int64_t ih, Range columns, std::int64_t left) {
            const T* row = xc + ih * a.in_width;
            T* out = yo + p * a.out_width;
            for (std::int64_t q = columns.begin; q < columns.end; ++q)
              out[q] += *tap * row[q * a.stride_width + left];
          });
    }
  });
}

template <class T>
void conv2d_backward_data(Context& context, const Conv2dParams& a, const T* dy, const T* w, T* dx) {
  const std::int64_t in_plane = a.in_height * a.in_width, out_plane = a.out_height * a.out_width;
  const std::int64_t c_per = a.in_channels / a.groups, o_per = a.out_channels / a.groups;
  context.parallel_for(a.batch * a.in_channels, [&](std::int64_t item, int) {
    const std::int64_t n = item / a.in_channels, channel = item % a.in_channels;
    const std::int64_t group = channel / c_per, c = channel % c_per;
    T* dxc = dx + item * in_plane;
    std::fill_n(dxc, in_plane, T{0});
    for (std::int64_t o = group * o_per; o < (group + 1) * o_per; ++o) {
      const T* dyo = dy + (n * a.out_channels + o) * out_plane;
      const T* tap = w + (o * c_per + c) * a.kernel_height * a.kernel_width;
      for (std::int64_t r = 0; r < a.kernel_height; ++r)
        for (std::int64_t s = 0; s < a.kernel_width; ++s, ++tap)
          each_row(a, r, s, [&](std::int64_t p, std::int64_t ih, Range columns, std::int64_t left) {
            const T* out = dyo + p * a.out_width;
            T* row = dxc + ih * a.in_width;
            for (std::int64_t q = columns.begin; q < columns.end; ++q)
              row[q * a.stride_width + left] += *tap * out[q];
          });
    }
  });
}

template <class T>
void conv2d_backward_filter(Context& context, const Conv2dParams& a, const T* x, const T* dy, T* dw) {
  const std::int64_t in_plane = a.in_height * a.in_width, out_plane = a.out_height * a.out_width;
  const std::int64_t c_per = a.in_channels / a.groups, o_per = a.out_channels / a.groups;
  context.parallel_for(a.out_channels * c_per, [&](std::int64_t item, int) {
    const std::int64_t o = item / c_per, channel = o / o_per * c_per + item % c_per;
    T* tap = dw + item * a.kernel_height * a.kernel_width;
    for (std::int64_t r = 0; r < a.kernel_height; ++r)
      for (std::int64_t s = 0; s < a.kernel_width; ++s, ++tap)
        for (std::int64_t n = 0; n < a.batch; ++n) {
          const T* xc = x + (n * a.in_channels + channel) * in_plane;
          const T* dyo = dy + (n * a.out_channels + o) * out_plane;
          T sum = 0;
          each_row(a, r, s, [&](std::int64_t p, std::int64_t ih, Range columns, std::int64_t left) {
            for (std::int64_t q = columns.begin; q < columns.end; ++q)
              sum += dyo[p * a.out_width + q] * xc[ih * a.in_width + q * a.stride_width + left];
          });
          *tap += sum;
        }
  });
}

template <class T>
void conv2d_backward_bias(Context& context, const Conv2dParams& a, const T* dy, T* db) {
  const std::int64_t out_plane = a.out_height * a.out_width;
  context.parallel_for(a.out_channels, [&](std::int64_t o, int) {
    for (std::int64_t n = 0; n < a.batch; ++n) {
      const T* dyo = dy + (n * a.out_channels + o) * out_plane;
      double sum = 0;
      for (std::int64_t i = 0; i < out_plane; ++i) sum += static_cast<double>(dyo[i]);
      db[o] += static_cast<T>(sum);
    }
  });
}

#define BACKLIGHT_INSTANTIATE(T)                                                                 \
  template void conv2d_forward(Context&, const Conv2dParams&, const T*, const T*, const T*, T*); \
  template void conv2d_backward_data(Context&, const Conv2dParams&, const T*, const T*, T*);     \
  template void conv2d_backward_filter(Context&, const Conv2dParams&, const T*, const T*, T*);   \
  template void conv2d_backward_bias(Context&, const Conv2dParams&, const T*, T*);
BACKLIGHT_INSTANTIATE(float)
BACKLIGHT_INSTANTIATE(double)
#undef BACKLIGHT_INSTANTIATE

}  // namespace backlight::cpu
