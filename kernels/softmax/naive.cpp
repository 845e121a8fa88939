#include "kernels/softmax/naive.hpp"

#include <cmath>

namespace backlight {

LayerResult naive_softmax(bool log, const LayerInputs& in) {
  const NaiveLayout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  const double* dy = in.dy.data<double>();
  LayerResult result = naive_zeros(in.x[0].shape());
  for (std::int64_t n = 0; n < l.batch; ++n) {
    for (std::int64_t i = 0; i < l.plane; ++i) {
      double sum = 0;
      for (std::int64_t c = 0; c < l.channels; ++c) sum += std::exp(x[l.at(n, c, i)]);
      for (std::int64_t c = 0; c < l.channels; ++c) {
        const std::int64_t at = l.at(n, c, i);
        const double p = std::exp(x[at]) / sum;
        result.y.data<double>()[at] = log ? std::log(p) : p;
        for (std::int64_t j = 0; j < l.channels; ++j) {
          const double q = std::exp(x[l.at(n, j, i)]) / sum;
          const double slope = (j == c ? 1 : 0) - q;
          result.dx[0].data<double>()[l.at(n, j, i)] += dy[at] * slope * (log ? 1 : p);
        }
      }
    }
  }
  return result;
}

LayerResult naive_masked_softmax(const LayerInputs& in) {
  const NaiveLayout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  LayerResult result = naive_zeros(in.x[0].shape());
  result.dx.emplace_back();
  for (std::int64_t n = 0; n < l.batch; ++n) {
    std::vector<std::int64_t> taking_part;
    for (std::int64_t c = 0; c < l.channels; ++c)
      if (in.x[1].data<std::int32_t>()[n * l.channels + c] != 0) taking_part.push_back(c);
    for (std::int64_t i = 0; i < l.plane; ++i) {
      double sum = 0;
      for (const std::int64_t c : taking_part) sum += std::exp(x[l.at(n, c, i)]);
      for (const std::int64_t c : taking_part) {
        const double p = std::exp(x[l.at(n, c, i)]) / sum;
        result.y.data<double>()[l.at(n, c, i)] = p;
        for (const std::int64_t j : taking_part) {
          const double q = std::exp(x[l.at(n, j, i)]) / sum, slope = p * ((j == c ? 1 : 0) - q);
          result.dx[0].data<double>()[l.at(n, j, i)] += in.dy.data<double>()[l.at(n, c, i)] * slope;
        }
      }
    }
  }
  return result;
}

}  // namespace backlight
