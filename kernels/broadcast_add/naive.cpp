#include "kernels/broadcast_add/naive.hpp"

namespace backlight {

LayerResult naive_broadcast_add(const LayerInputs& in) {
  const Shape &y = in.x[0].shape(), &b = in.x[1].shape();
  LayerResult result = naive_zeros(y);
  result.dx.push_back(Tensor::zeros(b, DType::f64));
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    std::int64_t of_b = 0, step = 1, rest = i;
    for (int d = y.rank() - 1; d >= 0; --d) {
      if (b[d] != 1) of_b += rest % y[d] * step;
      rest /= y[d];
      step *= b[d];
    }
    const double dy = in.dy.data<double>()[i];
    result.y.data<double>()[i] = in.x[0].data<double>()[i] + in.x[1].data<double>()[of_b];
    result.dx[0].data<double>()[i] = dy;
    result.dx[1].data<double>()[of_b] += dy;
  }
  return result;
}

}  // namespace backlight
