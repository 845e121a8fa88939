#include "kernels/concat/naive.hpp"

namespace backlight {

LayerResult naive_concat(const LayerInputs& in) {
  LayerResult result;
  result.y = Tensor(in.dy.shape(), DType::f64);
  for (const Tensor& x : in.x) result.dx.push_back(Tensor(x.shape(), DType::f64));
  std::int64_t next = 0;
  for (std::int64_t n = 0; n < in.dy.shape()[0]; ++n) {
    for (std::size_t i = 0; i < in.x.size(); ++i) {
      const std::int64_t count = in.x[i].numel() / in.x[i].shape()[0];
      for (std::int64_t e = n * count; e < (n + 1) * count; ++e, ++next) {
        result.y.data<double>()[next] = in.x[i].data<double>()[e];
        result.dx[i].data<double>()[e] = in.dy.data<double>()[next];
      }
    }
  }
  return result;
}

}  // namespace backlight
