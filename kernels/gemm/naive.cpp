#include "kernels/gemm/naive.hpp"

namespace backlight {

Tensor naive_gemm(const Tensor& a, const Tensor& b, const Tensor& c) {
  const std::int64_t m = c.shape()[0], n = c.shape()[1], k = a.shape()[1];
  Tensor result = c.to(DType::f64);
  const Tensor left = a.to(DType::f64), right = b.to(DType::f64);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t p = 0; p < k; ++p)
        result.data<double>()[i * n + j] += left.data<double>()[i * k + p] * right.data<double>()[p * n + j];
  return result;
}

}  // namespace backlight
