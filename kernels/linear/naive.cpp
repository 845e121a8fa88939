#include "kernels/linear/naive.hpp"

namespace backlight {

NaiveResult naive_linear(const Tensor& x_any, const Tensor& w_any, const Tensor& b_any,
                         const Tensor& dy_any) {
  const Tensor x = x_any.to(DType::f64), w = w_any.to(DType::f64), b = b_any.to(DType::f64),
               dy = dy_any.to(DType::f64);
  NaiveResult result{Tensor::zeros(dy.shape(), DType::f64), Tensor::zeros(x.shape(), DType::f64),
                     Tensor::zeros(w.shape(), DType::f64), Tensor::zeros(b.shape(), DType::f64)};
  const std::int64_t batch = x.shape()[0], in = x.shape()[1], out = w.shape()[0];
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t o = 0; o < out; ++o) {
      const double dy_here = dy.data<double>()[n * out + o];
      double sum = b.data<double>()[o];
      for (std::int64_t i = 0; i < in; ++i) {
        sum += w.data<double>()[o * in + i] * x.data<double>()[n * in + i];
        result.dx.data<double>()[n * in + i] += w.data<double>()[o * in + i] * dy_here;
        result.dw.data<double>()[o * in + i] += x.data<double>()[n * in + i] * dy_here;
      }
      result.y.data<double>()[n * out + o] = sum;
      result.db.data<double>()[o] += dy_here;
    }
  return result;
}

}  // namespace backlight
