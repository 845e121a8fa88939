#include "support/naive_norm.hpp"

#include <cmath>

namespace backlight::test {
namespace {

/// x as n×channels×plane; rank 2 has planes of one element.
struct Layout {
  std::int64_t batch, channels, plane;
  explicit Layout(const Shape& s) : batch(s[0]), channels(s[1]), plane(s.numel() / (s[0] * s[1])) {}
  std::int64_t at(std::int64_t image, std::int64_t c, std::int64_t i) const {
    return (image * channels + c) * plane + i;
  }
};

LayerResult zeros_like(const Tensor& x) {
  LayerResult result;
  result.y = Tensor::zeros(x.shape(), DType::f64);
  result.dx.push_back(Tensor::zeros(x.shape(), DType::f64));
  return result;
}

}  // namespace

LayerResult naive_batch_norm2d(double eps, bool training, const LayerInputs& in, Layer& layer) {
  const auto parameters = layer.parameters();
  const auto parameter = [&](std::size_t i, std::int64_t c) {
    return parameters[i].tensor->data<double>()[c];
  };
  const Layout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  const double* dy = in.dy.data<double>();
  LayerResult result = zeros_like(in.x[0]);
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

LayerResult naive_local_response_norm(const LocalResponseNormOptions& o, const LayerInputs& in) {
  const Layout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  const double* dy = in.dy.data<double>();
  LayerResult result = zeros_like(in.x[0]);
  const double share = o.alpha / static_cast<double>(o.size);
  // Channels are padded by size/2 in front; a window of `size` then starts at each of them.
  const auto in_window = [&](std::int64_t j, std::int64_t c) {
    return j >= c - o.size / 2 && j < c - o.size / 2 + o.size;
  };
  for (std::int64_t n = 0; n < l.batch; ++n) {
    for (std::int64_t i = 0; i < l.plane; ++i) {
      for (std::int64_t c = 0; c < l.channels; ++c) {
        double s = o.k;
        for (std::int64_t j = 0; j < l.channels; ++j)
          if (in_window(j, c)) s += share * x[l.at(n, j, i)] * x[l.at(n, j, i)];
        const std::int64_t at = l.at(n, c, i);
        result.y.data<double>()[at] = x[at] / std::pow(s, o.beta);
        for (std::int64_t j = 0; j < l.channels; ++j) {
          double slope = j == c ? std::pow(s, -o.beta) : 0;
          if (in_window(j, c))
            slope -= x[at] * o.beta * std::pow(s, -o.beta - 1) * 2 * share * x[l.at(n, j, i)];
          result.dx[0].data<double>()[l.at(n, j, i)] += dy[at] * slope;
        }
      }
    }
  }
  return result;
}

LayerResult naive_softmax(bool log, const LayerInputs& in) {
  const Layout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  const double* dy = in.dy.data<double>();
  LayerResult result = zeros_like(in.x[0]);
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

}  // namespace backlight::test
