#include "kernels/multiply/naive.hpp"

namespace backlight {
namespace {

/// The element of a factor that the i-th element of y is made of.
std::int64_t factor_at(const Shape& factor, const Shape& y, std::int64_t i) {
  std::int64_t at = 0, step = 1;
  for (int d = y.rank() - 1; d >= 0; --d) {
    if (factor[d] != 1) at += i % y[d] * step;
    i /= y[d];
    step *= factor[d];
  }
  return at;
}

}  // namespace

LayerResult naive_multiply(const LayerInputs& in) {
  const Tensor &a = in.x[0], &b = in.x[1];
  LayerResult result;
  result.y = Tensor::zeros(in.dy.shape(), DType::f64);
  for (const Tensor& x : in.x) result.dx.push_back(Tensor::zeros(x.shape(), DType::f64));
  for (std::int64_t i = 0; i < in.dy.numel(); ++i) {
    const std::int64_t of_a = factor_at(a.shape(), in.dy.shape(), i);
    const std::int64_t of_b = factor_at(b.shape(), in.dy.shape(), i);
    const double dy = in.dy.data<double>()[i];
    result.y.data<double>()[i] = a.data<double>()[of_a] * b.data<double>()[of_b];
    result.dx[0].data<double>()[of_a] += dy * b.data<double>()[of_b];
    result.dx[1].data<double>()[of_b] += dy * a.data<double>()[of_a];
  }
  return result;
}

}  // namespace backlight
