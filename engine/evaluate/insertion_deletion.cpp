#include "engine/evaluate/insertion_deletion.hpp"

#include <array>
#include <cmath>

#include "engine/evaluate/ranking.hpp"

namespace backlight {
namespace {

constexpr int kTaps = 11, kMiddle = kTaps / 2;

/// gaussian_filter of an impulse in the middle of 11 zeros: a radius of 4σ, reflected (d c b a | a b c d | d c b a).
std::array<double, kTaps> rise_kernel() {
  constexpr int kRadius = 20;
  constexpr double kSigma = 5;
  double sum = 0;
  for (int t = -kRadius; t <= kRadius; ++t) sum += std::exp(-t * t / (2 * kSigma * kSigma));
  std::array<double, kTaps> kernel{};
  for (int i = 0; i < kTaps; ++i)
    for (int t = -kRadius; t <= kRadius; ++t) {
      const int folded = ((i + t) % (2 * kTaps) + 2 * kTaps) % (2 * kTaps);
      if (std::min(folded, 2 * kTaps - 1 - folded) == kMiddle)
        kernel[static_cast<std::size_t>(i)] += std::exp(-t * t / (2 * kSigma * kSigma)) / sum;
    }
  return kernel;
}

/// Along one axis: `count` values, `step` apart.
void blur_line(const std::array<double, kTaps>& kernel, const double* x, double* y, std::int64_t count,
               std::int64_t step) {
  for (std::int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (std::int64_t t = std::max<std::int64_t>(0, kMiddle - i);
         t < std::min<std::int64_t>(kTaps, count + kMiddle - i); ++t)
      sum += kernel[static_cast<std::size_t>(t)] * x[(i + t - kMiddle) * step];
    y[i * step] = sum;
  }
}

/// `start` is where pixels of the map's order have not come yet, `end` where they have; one of the two is the picture.
ScoreCurve score_curve(const Scorer& scorer, const Tensor& map, const ScoreCurveOptions& options,
                       const Tensor& start, const Tensor& end, bool ends_whole) {
  const std::int64_t points = options.points == 0 ? scorer.height() + 1 : options.points;
  if (points < 2)
    throw Error(ErrorKind::usage, "a curve of ", points, " points was asked for, expected 2 or more");
  const std::vector<std::int64_t> at = positions(descending(scorer.pixels_of(map)));
  const std::int64_t pixels = scorer.pixels(), steps = points - 1;
  const auto count = [&](std::int64_t point) {
    return share_of(static_cast<double>(point) / static_cast<double>(steps), pixels);
  };
  ScoreCurve curve;
  for (std::int64_t i = 0; i < points; ++i)
    curve.shares.push_back(static_cast<double>(count(i)) / static_cast<double>(pixels));
  const Tensor before = start.to(DType::f64), after = end.to(DType::f64);
  const std::span<const double> from = before.values<double>(), to = after.values<double>();
  curve.scores = scorer.values(options.aim, steps, [&](std::int64_t variant, std::span<double> x) {
    const std::int64_t changed = count(ends_whole ? variant : variant + 1);
    for (std::size_t plane = 0; plane < x.size(); plane += at.size())
      for (std::size_t i = 0; i < at.size(); ++i) x[plane + i] = (at[i] < changed ? to : from)[plane + i];
  });
  curve.scores.insert(ends_whole ? curve.scores.end() : curve.scores.begin(), scorer.value(options.aim));
  return curve;
}

}  // namespace

double ScoreCurve::area() const {
  double area = 0;
  for (std::size_t i = 1; i < scores.size(); ++i)
    area += (shares[i] - shares[i - 1]) * (scores[i] + scores[i - 1]) / 2;
  return area;
}

ScoreCurve insertion(const Scorer& scorer, const Tensor& map, const ScoreCurveOptions& options) {
  const Tensor start =
      options.insertion_from_zeros ? Tensor::zeros(scorer.input().shape()) : blurred(scorer.input());
  return score_curve(scorer, map, options, start, scorer.input(), /*ends_whole=*/true);
}

ScoreCurve deletion(const Scorer& scorer, const Tensor& map, const ScoreCurveOptions& options) {
  const Tensor end = Tensor::zeros(scorer.input().shape());
  return score_curve(scorer, map, options, scorer.input(), end, /*ends_whole=*/false);
}

Tensor blurred(const Tensor& x) {
  const std::array<double, kTaps> kernel = rise_kernel();
  const std::int64_t height = x.shape()[-2], width = x.shape()[-1];
  Tensor from = x.to(DType::f64), across(x.shape(), DType::f64);
  for (std::int64_t row = 0; row < x.numel() / width; ++row)
    blur_line(kernel, from.data<double>() + row * width, across.data<double>() + row * width, width, 1);
  for (std::int64_t plane = 0; plane < x.numel(); plane += height * width)
    for (std::int64_t column = plane; column < plane + width; ++column)
      blur_line(kernel, across.data<double>() + column, from.data<double>() + column, height, width);
  return from.to(x.dtype());
}

}  // namespace backlight
