#include "kernels/cross_entropy/naive.hpp"

#include <cmath>

namespace backlight {

double naive_cross_entropy(const Tensor& logits, const std::vector<std::int64_t>& labels, double smoothing) {
  const std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  double loss = 0;
  for (std::int64_t n = 0; n < rows; ++n) {
    const double* x = logits.data<double>() + n * classes;
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(x[k]);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double target = (k == labels[static_cast<std::size_t>(n)] ? 1 - smoothing : 0) +
                            smoothing / static_cast<double>(classes);
      loss -= target * std::log(std::exp(x[k]) / sum) / static_cast<double>(rows);
    }
  }
  return loss;
}

}  // namespace backlight
