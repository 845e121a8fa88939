#include "engine/evaluate/ranking.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.hpp"

namespace backlight {

std::vector<std::int64_t> descending(std::span<const double> map) {
  if (std::ranges::any_of(map, [](double v) { return std::isnan(v); }))
    throw Error(ErrorKind::bad_input,
                "a map with NaN has no order of its pixels; look at the network's weights");
  std::vector<std::int64_t> order(map.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::int64_t i) { return map[static_cast<std::size_t>(i)]; });
  return order;
}

std::vector<std::int64_t> positions(std::span<const std::int64_t> order) {
  std::vector<std::int64_t> at(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    at[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return at;
}

std::int64_t share_of(double share, std::int64_t n) {
  if (!(share >= 0 && share <= 1))
    throw Error(ErrorKind::usage, "a share of ", share, " of the pixels was asked for, expected 0 to 1");
  return std::llround(share * static_cast<double>(n));
}

std::vector<double> mean_ranks(std::span<const double> values) {
  const std::vector<std::int64_t> order = descending(values);
  std::vector<double> ranks(values.size());
  const auto value = [&](std::size_t i) { return values[static_cast<std::size_t>(order[i])]; };
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    for (end = first; end < order.size() && value(end) == value(first); ++end) continue;
    const double rank =
        static_cast<double>(order.size()) - static_cast<double>(first + end - 1) / 2;  // descending
    for (std::size_t i = first; i < end; ++i) ranks[static_cast<std::size_t>(order[i])] = rank;
  }
  return ranks;
}

std::optional<double> pearson(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size())
    throw Error(ErrorKind::usage, "a correlation of ", a.size(), " and ", b.size(), " values was asked for");
  const auto constant = [](std::span<const double> values) {
    return std::ranges::all_of(values, [&](double v) { return v == values.front(); });
  };
  if (a.empty() || constant(a) || constant(b)) return std::nullopt;
  const auto mean = [](std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  const double mean_a = mean(a), mean_b = mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

std::optional<double> spearman(std::span<const double> a, std::span<const double> b) {
  return pearson(mean_ranks(a), mean_ranks(b));
}

}  // namespace backlight
