// Scores as shares that add up to 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace backlight {

/// exp(y_c − max y) / Σ exp(y_k − max y); `y` has one score at least.
inline std::vector<double> softmax_of(std::vector<double> y) {
  const double largest = *std::ranges::max_element(y);
  double sum = 0;
  for (double& v : y) sum += v = std::exp(v - largest);
  for (double& v : y) v /= sum;
  return y;
}

}  // namespace backlight
