#include "kernels/strided_identity_pad/naive.hpp"

namespace backlight {

LayerResult naive_strided_identity_pad(std::int64_t stride, const LayerInputs& in) {
  const Shape &xs = in.x[0].shape(), &ys = in.dy.shape();
  LayerResult result;
  result.y = Tensor::zeros(ys, DType::f64);
  result.dx.push_back(Tensor::zeros(xs, DType::f64));
  const std::int64_t front = (ys[1] - xs[1]) / 2;
  for (std::int64_t n = 0; n < xs[0]; ++n)
    for (std::int64_t c = 0; c < xs[1]; ++c)
      for (std::int64_t i = 0; i < xs[2]; i += stride)
        for (std::int64_t j = 0; j < xs[3]; j += stride) {
          const std::int64_t x_at = ((n * xs[1] + c) * xs[2] + i) * xs[3] + j;
          const std::int64_t y_at = ((n * ys[1] + c + front) * ys[2] + i / stride) * ys[3] + j / stride;
          result.y.data<double>()[y_at] = in.x[0].data<double>()[x_at];
          result.dx[0].data<double>()[x_at] = in.dy.data<double>()[y_at];
        }
  return result;
}

}  // namespace backlight
