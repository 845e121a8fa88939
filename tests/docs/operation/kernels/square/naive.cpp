#include "kernels/square/naive.hpp"

namespace backlight {

LayerResult naive_square(const LayerInputs& in) {
  LayerResult result = naive_zeros(in.dy.shape());
  for (std::int64_t i = 0; i < in.dy.numel(); ++i) {
    const double x = in.x[0].data<double>()[i];
    result.y.data<double>()[i] = x * x;
    result.dx[0].data<double>()[i] = 2 * x * in.dy.data<double>()[i];
  }
  return result;
}

}  // namespace backlight
