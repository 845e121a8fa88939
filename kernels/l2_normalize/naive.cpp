#include "kernels/l2_normalize/naive.hpp"

#include <algorithm>
#include <cmath>

namespace backlight {

LayerResult naive_l2_normalize(double scale, double eps, bool detached, const LayerInputs& in) {
  LayerResult result = naive_zeros(in.dy.shape());
  const std::int64_t width = in.dy.shape()[-1];
  for (std::int64_t at = 0; at < in.dy.numel(); at += width) {
    const double* x = in.x[0].data<double>() + at;
    double square = 0;
    for (std::int64_t i = 0; i < width; ++i) square += x[i] * x[i];
    const double length = std::sqrt(square);
    for (std::int64_t i = 0; i < width; ++i) {
      result.y.data<double>()[at + i] = scale * x[i] / std::max(length, eps);
      for (std::int64_t j = 0; j < width; ++j) {
        const double turned = detached || length < eps ? 0 : x[i] * x[j] / (length * length);
        const double slope = scale * ((i == j ? 1 : 0) - turned) / std::max(length, eps);
        result.dx[0].data<double>()[at + j] += slope * in.dy.data<double>()[at + i];
      }
    }
  }
  return result;
}

}  // namespace backlight
