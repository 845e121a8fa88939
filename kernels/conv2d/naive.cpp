#include "kernels/conv2d/naive.hpp"

namespace backlight {

NaiveResult naive_conv2d(const Conv2dParams& a, const Tensor& x32, const Tensor& w32, const Tensor& b32,
                         const Tensor& dy32) {
  const Tensor x = x32.to(DType::f64), w = w32.to(DType::f64), b = b32.to(DType::f64),
               dy = dy32.to(DType::f64);
  NaiveResult result{Tensor::zeros(dy.shape(), DType::f64), Tensor::zeros(x.shape(), DType::f64),
                     Tensor::zeros(w.shape(), DType::f64), Tensor::zeros(b.shape(), DType::f64)};
  const std::int64_t c_per = a.in_channels / a.groups, o_per = a.out_channels / a.groups;
  for (std::int64_t n = 0; n < a.batch; ++n)
    for (std::int64_t o = 0; o < a.out_channels; ++o)
      for (std::int64_t p = 0; p < a.out_height; ++p)
        for (std::int64_t q = 0; q < a.out_width; ++q) {
          const std::int64_t at_y = ((n * a.out_channels + o) * a.out_height + p) * a.out_width + q;
          const double dy_here = dy.data<double>()[at_y];
          double sum = b.data<double>()[o];
          for (std::int64_t c = 0; c < c_per; ++c)
            for (std::int64_t r = 0; r < a.kernel_height; ++r)
              for (std::int64_t s = 0; s < a.kernel_width; ++s) {
                const std::int64_t h = p * a.stride_height + r * a.dilation_height - a.pad_top;
                const std::int64_t v = q * a.stride_width + s * a.dilation_width - a.pad_left;
                if (h < 0 || h >= a.in_height || v < 0 || v >= a.in_width) continue;
                const std::int64_t channel = o / o_per * c_per + c;
                const std::int64_t at_x = ((n * a.in_channels + channel) * a.in_height + h) * a.in_width + v;
                const std::int64_t at_w = ((o * c_per + c) * a.kernel_height + r) * a.kernel_width + s;
                sum += w.data<double>()[at_w] * x.data<double>()[at_x];
                result.dx.data<double>()[at_x] += w.data<double>()[at_w] * dy_here;
                result.dw.data<double>()[at_w] += x.data<double>()[at_x] * dy_here;
              }
          result.y.data<double>()[at_y] = sum;
          result.db.data<double>()[o] += dy_here;
        }
  return result;
}

}  // namespace backlight
