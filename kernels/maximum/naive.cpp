#include "kernels/maximum/naive.hpp"

namespace backlight {

LayerResult naive_maximum(const LayerInputs& in) {
  LayerResult result = naive_zeros(in.dy.shape());
  result.dx.push_back(Tensor::zeros(in.dy.shape(), DType::f64));
  for (std::int64_t i = 0; i < in.dy.numel(); ++i) {
    const double a = in.x[0].data<double>()[i], b = in.x[1].data<double>()[i];
    const std::size_t taken = a >= b ? 0 : 1;
    result.y.data<double>()[i] = taken == 0 ? a : b;
    result.dx[taken].data<double>()[i] = in.dy.data<double>()[i];
  }
  return result;
}

}  // namespace backlight
