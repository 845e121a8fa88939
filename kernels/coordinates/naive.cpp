#include "kernels/coordinates/naive.hpp"

namespace backlight {

LayerResult naive_coordinates(const LayerInputs& in) {
  const Shape& x = in.x[0].shape();
  const NaiveLayout from(x), to(in.dy.shape());
  LayerResult result;
  result.y = Tensor(in.dy.shape(), DType::f64);
  result.dx.emplace_back(x, DType::f64);
  const auto place = [](std::int64_t k, std::int64_t count) {
    return count == 1 ? -1 : -1 + 2.0 * static_cast<double>(k) / static_cast<double>(count - 1);
  };
  for (std::int64_t n = 0; n < x[0]; ++n)
    for (std::int64_t i = 0; i < x[2]; ++i)
      for (std::int64_t j = 0; j < x[3]; ++j) {
        const std::int64_t k = i * x[3] + j;
        for (std::int64_t c = 0; c < x[1]; ++c) {
          result.y.data<double>()[to.at(n, c, k)] = in.x[0].data<double>()[from.at(n, c, k)];
          result.dx[0].data<double>()[from.at(n, c, k)] = in.dy.data<double>()[to.at(n, c, k)];
        }
        result.y.data<double>()[to.at(n, x[1], k)] = place(j, x[3]);
        result.y.data<double>()[to.at(n, x[1] + 1, k)] = place(i, x[2]);
      }
  return result;
}

}  // namespace backlight
