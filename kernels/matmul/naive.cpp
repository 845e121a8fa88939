#include "kernels/matmul/naive.hpp"

namespace backlight {

LayerResult naive_matmul(bool transpose_a, bool transpose_b, const LayerInputs& in) {
  const Tensor &a = in.x[0], &b = in.x[1];
  const std::int64_t batch = in.dy.shape()[0], m = in.dy.shape()[1], n = in.dy.shape()[2];
  const std::int64_t inner = a.shape()[transpose_a ? 1 : 2];
  LayerResult result;
  result.y = Tensor::zeros(in.dy.shape(), DType::f64);
  for (const Tensor& x : in.x) result.dx.push_back(Tensor::zeros(x.shape(), DType::f64));
  for (std::int64_t item = 0; item < batch; ++item)
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t k = 0; k < inner; ++k) {
          const std::int64_t of_a = item * m * inner + (transpose_a ? k * m + i : i * inner + k);
          const std::int64_t of_b = item * inner * n + (transpose_b ? j * inner + k : k * n + j);
          const std::int64_t of_y = (item * m + i) * n + j;
          const double dy = in.dy.data<double>()[of_y];
          result.y.data<double>()[of_y] += a.data<double>()[of_a] * b.data<double>()[of_b];
          result.dx[0].data<double>()[of_a] += dy * b.data<double>()[of_b];
          result.dx[1].data<double>()[of_b] += dy * a.data<double>()[of_a];
        }
  return result;
}

}  // namespace backlight
