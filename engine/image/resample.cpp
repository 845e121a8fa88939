#include "engine/image/resample.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/core/error.hpp"

namespace backlight {
namespace {

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  x *= std::numbers::pi;
  return x == 0 ? 1 : std::sin(x) / x;
}
double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Curve {
  std::string_view name;
  double radius;
  double (*at)(double x);
};

Curve curve_of(Filter filter) {
  switch (filter) {
    case Filter::bilinear:
      return {"bilinear", 1, bilinear};
    case Filter::bicubic:
      return {"bicubic", 2, bicubic};
    case Filter::lanczos:
      return {"lanczos", 3, lanczos};
  }
  throw Error(ErrorKind::internal, "no such filter");
}

}  // namespace

std::string_view name_of(Filter filter) { return curve_of(filter).name; }

ResampleWeights resample_weights(std::int64_t in, std::int64_t out, std::int64_t begin, std::int64_t end,
                                 Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const Curve curve = curve_of(filter);
  const double support = curve.radius * filter_scale;
  const double inverse_scale = 1.0 / filter_scale;

  ResampleWeights result;
  result.stride = static_cast<int>(std::min<double>(std::ceil(support) * 2 + 1, static_cast<double>(in)));
  result.weights.resize(static_cast<std::size_t>(end - begin) * result.stride);
  double* weights = result.weights.data();
  for (std::int64_t i = begin; i < end; ++i, weights += result.stride) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const std::int64_t first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
    const std::int64_t last = std::min<std::int64_t>(static_cast<std::int64_t>(centre + support + 0.5), in);
    const int count = static_cast<int>(last - first);
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      const double x = (static_cast<double>(k + first) - centre + 0.5) * inverse_scale;
      weights[k] = curve.at(x);
      sum += weights[k];
    }
    for (int k = 0; k < count && sum != 0; ++k) weights[k] /= sum;
    result.taps.push_back({first, count});
  }
  return result;
}

}  // namespace backlight
