#include "kernels/batch_norm/naive.hpp"

#include <cmath>

namespace backlight {

LayerResult naive_batch_norm2d(double eps, bool training, const LayerInputs& in) {
  const auto parameter = [&](std::size_t i, std::int64_t c) {
    return in.w[i].data<double>()[c];
  };
  const NaiveLayout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  const double* dy = in.dy.data<double>();
  LayerResult result = naive_zeros(in.x[0].shape());
  for (int i = 0; i < 2; ++i) result.dw.push_back(Tensor::zeros({l.channels}, DType::f64));

  for (std::int64_t c = 0; c < l.channels; ++c) {
    std::vector<std::int64_t> elements;
    for (std::int64_t n = 0; n < l.batch; ++n)
      for (std::int64_t i = 0; i < l.plane; ++i) elements.push_back(l.at(n, c, i));
    const double m = static_cast<double>(elements.size());
    double mean = parameter(2, c), variance = parameter(3, c);
    if (training) {
      mean = variance = 0;
      for (const std::int64_t e : elements) mean += x[e] / m;
      for (const std::int64_t e : elements) variance += (x[e] - mean) * (x[e] - mean) / m;
    }
    const double s = 1 / std::sqrt(variance + eps);
    const auto normal = [&](std::int64_t e) { return (x[e] - mean) * s; };
    for (const std::int64_t j : elements) {
      result.y.data<double>()[j] = parameter(0, c) * normal(j) + parameter(1, c);
      result.dw[0].data<double>()[c] += dy[j] * normal(j);
      result.dw[1].data<double>()[c] += dy[j];
      for (const std::int64_t i : elements) {
        double slope = i == j ? 1 : 0;
        if (training) slope -= (1 + normal(i) * normal(j)) / m;
        result.dx[0].data<double>()[i] += dy[j] * parameter(0, c) * s * slope;
      }
    }
  }
  return result;
}

}  // namespace backlight
