#include "kernels/transpose/naive.hpp"

namespace backlight {

LayerResult naive_transpose(const LayerInputs& in) {
  const Shape& x = in.x[0].shape();
  LayerResult result;
  result.y = Tensor(in.dy.shape(), DType::f64);
  result.dx.emplace_back(x, DType::f64);
  const std::int64_t rows = x[1], columns = x.numel() / (x[0] * x[1]);
  for (std::int64_t n = 0; n < x[0]; ++n)
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) {
        const std::int64_t from = (n * rows + i) * columns + j, to = (n * columns + j) * rows + i;
        result.y.data<double>()[to] = in.x[0].data<double>()[from];
        result.dx[0].data<double>()[from] = in.dy.data<double>()[to];
      }
  return result;
}

}  // namespace backlight
