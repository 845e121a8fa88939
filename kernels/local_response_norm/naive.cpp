#include "kernels/local_response_norm/naive.hpp"

#include <cmath>

namespace backlight {

LayerResult naive_local_response_norm(const LocalResponseNormOptions& o, const LayerInputs& in) {
  const NaiveLayout l(in.x[0].shape());
  const double* x = in.x[0].data<double>();
  const double* dy = in.dy.data<double>();
  LayerResult result = naive_zeros(in.x[0].shape());
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

}  // namespace backlight
