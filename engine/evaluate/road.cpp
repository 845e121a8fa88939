#include "engine/evaluate/road.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/evaluate/imputation.hpp"
#include "engine/evaluate/ranking.hpp"
#include "engine/explain/sampling.hpp"

namespace backlight {
namespace {

/// Which pixels of a map are removed.
class Removal {
 public:
  Removal(std::vector<double> map, RoadProtocol protocol)
      : map_(std::move(map)), protocol_(protocol), at_(positions(descending(map_))) {}

  std::vector<bool> missing(bool most_relevant_first, double share) const {
    std::vector<bool> all(map_.size());
    if (protocol_ == RoadProtocol::pytorch_grad_cam) {
      std::vector<float> values;
      for (const double v : map_)
        values.push_back(most_relevant_first ? static_cast<float>(v) : 1 - static_cast<float>(v));
      const float threshold = percentile(values, share);
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = !(values[i] < threshold);
      return all;
    }
    const std::int64_t count = share_of(share, std::ssize(map_));
    const std::int64_t from = most_relevant_first ? 0 : std::ssize(map_) - count;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = at_[i] >= from && at_[i] < from + count;
    return all;
  }

 private:
  /// NumPy's, of float32 in float32.
  static float percentile(std::vector<float> values, double share) {
    std::ranges::sort(values);
    const double index = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(index);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    const auto t = static_cast<float>(index - static_cast<double>(below));
    const float step = values[above] - values[below];
    return t < 0.5F ? values[below] + step * t : values[above] - step * (1 - t);
  }

  std::vector<double> map_;
  RoadProtocol protocol_;
  std::vector<std::int64_t> at_;
};

/// Fills the missing pixels of x, of C·H·W values; zeros where all are missing.
void impute(const Scorer& scorer, const std::vector<bool>& missing, std::int64_t draw,
            const RoadOptions& options, std::span<double> x) {
  const std::size_t pixels = missing.size();
  if (std::ranges::find(missing, false) == missing.end() &&
      options.protocol == RoadProtocol::pytorch_grad_cam) {
    std::ranges::fill(x, 0.0);
  } else {
    const Imputer imputer(scorer.height(), scorer.width(), missing);
    for (std::size_t plane = 0; plane < x.size(); plane += pixels) imputer.fill(x.subspan(plane, pixels));
  }
  if (options.noise.empty()) return;
  const std::uint64_t seed = picture_seed(options.seed, options.picture);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (missing[i % pixels])
      x[i] += options.noise[i / pixels] * standard_normal(seed, draw, static_cast<std::int64_t>(i));
}

}  // namespace

double RoadCurve::mean() const {
  return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

Road road(const Scorer& scorer, const Tensor& map, const RoadOptions& options) {
  if (options.shares.empty())
    throw Error(ErrorKind::usage, "ROAD needs a share of pixels to remove at least");
  if (!options.noise.empty() && std::ssize(options.noise) != scorer.channels())
    throw Error(ErrorKind::usage, "a noise of ", options.noise.size(), " values was given for ",
                scorer.channels(), " channels, expected one for each");
  const Removal removal(scorer.pixels_of(map), options.protocol);
  for (const double share : options.shares) share_of(share, scorer.pixels());  // refuses one outside 0…1
  const std::int64_t shares = std::ssize(options.shares);
  // MoRF's variants, then LeRF's.
  const Tensor scores = scorer.scores(2 * shares, [&](std::int64_t variant, std::span<double> x) {
    const double share = options.shares[static_cast<std::size_t>(variant % shares)];
    impute(scorer, removal.missing(variant < shares, share), variant, options, x);
  });
  const std::vector<double> values = scorer.values_of(scores, Aim::probability);
  const std::vector<bool> first = scorer.is_first(scores);
  return {.shares = options.shares,
          .before = scorer.value(Aim::probability),
          .morf = {{values.begin(), values.begin() + shares}, {first.begin(), first.begin() + shares}},
          .lerf = {{values.begin() + shares, values.end()}, {first.begin() + shares, first.end()}}};
}

}  // namespace backlight
