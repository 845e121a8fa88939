#include "engine/evaluate/sparseness.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace backlight {
namespace {

std::vector<double> magnitudes(std::span<const double> map) {
  std::vector<double> all(map.begin(), map.end());
  for (double& v : all) v = std::abs(v);
  return all;
}

}  // namespace

std::optional<double> sparseness(std::span<const double> map) {
  std::vector<double> a = magnitudes(map);
  std::ranges::sort(a);
  const double n = static_cast<double>(a.size()), sum = std::accumulate(a.begin(), a.end(), 0.0);
  if (!(sum > 0)) return std::nullopt;
  double weighted = 0;
  for (std::size_t i = 0; i < a.size(); ++i) weighted += (2 * static_cast<double>(i + 1) - n - 1) * a[i];
  return weighted / (n * sum);
}

std::optional<double> complexity(std::span<const double> map) {
  const std::vector<double> a = magnitudes(map);
  const double sum = std::accumulate(a.begin(), a.end(), 0.0);
  if (!(sum > 0)) return std::nullopt;
  double entropy = 0;
  for (const double v : a)
    if (v > 0) entropy -= v / sum * std::log(v / sum);
  return entropy;
}

std::int64_t effective_complexity(std::span<const double> map, double threshold) {
  return std::ranges::count_if(map, [&](double v) { return std::abs(v) > threshold; });
}

}  // namespace backlight
