#include "kernels/embedding/naive.hpp"

namespace backlight {

LayerResult naive_embedding(std::int64_t padding, const LayerInputs& in) {
  const Tensor& w = in.w[0];
  LayerResult result;
  result.y = Tensor::zeros(in.dy.shape(), DType::f64);
  result.dx.emplace_back();
  result.dw.push_back(Tensor::zeros(w.shape(), DType::f64));
  const std::int64_t width = w.shape()[1];
  for (std::int64_t k = 0; k < in.x[0].numel(); ++k) {
    const std::int64_t id = in.x[0].data<std::int32_t>()[k];
    if (id == padding) continue;
    for (std::int64_t i = 0; i < width; ++i) {
      result.y.data<double>()[k * width + i] = w.data<double>()[id * width + i];
      result.dw[0].data<double>()[id * width + i] += in.dy.data<double>()[k * width + i];
    }
  }
  return result;
}

}  // namespace backlight
