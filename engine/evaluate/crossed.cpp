#include "engine/evaluate/crossed.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "engine/core/error.hpp"
#include "engine/core/random.hpp"

namespace backlight {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Ratings in an order of their own, their people and items numbered from 0.
struct Crossed {
  std::vector<Rating> ratings;
  std::size_t people = 0, items = 0;
};

std::size_t number_from_0(std::vector<Rating>& ratings, std::int64_t Rating::*member) {
  std::vector<std::int64_t> known;
  for (const Rating& rating : ratings) known.push_back(rating.*member);
  std::ranges::sort(known);
  known.erase(std::ranges::unique(known).begin(), known.end());
  for (Rating& rating : ratings)
    rating.*member = std::ranges::lower_bound(known, rating.*member) - known.begin();
  return known.size();
}

Crossed crossed(std::span<const Rating> ratings) {
  Crossed all{{ratings.begin(), ratings.end()}};
  std::ranges::sort(all.ratings, {},
                    [](const Rating& r) { return std::tuple(r.item, r.person, r.group, r.value); });
  all.people = number_from_0(all.ratings, &Rating::person);
  all.items = number_from_0(all.ratings, &Rating::item);
  return all;
}

struct Mean {
  double sum = 0, weight = 0;
  double value() const { return weight > 0 ? sum / weight : kNaN; }
};

/// The mean of each group, then their differences.
std::vector<double> statistics_of(std::span<const Mean> groups) {
  std::vector<double> values;
  for (const Mean& mean : groups) values.push_back(mean.value());
  for (std::size_t a = 0; a < groups.size(); ++a)
    for (std::size_t b = a + 1; b < groups.size(); ++b) values.push_back(values[b] - values[a]);
  return values;
}

/// How often each of `count` was drawn in `count` draws.
void draw_weights(std::uint64_t seed, std::vector<double>& weights) {
  std::ranges::fill(weights, 0.0);
  const auto count = static_cast<double>(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    ++weights[static_cast<std::size_t>(random_uniform(seed, i) * count)];
}

double square_sum(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return sum;
}

/// Of a statistic whose linear part takes `share` of each rating: variances of people, items and ratings put together.
double clustered_variance(const Crossed& all, FunctionRef<double(const Rating&)> share) {
  std::vector<double> people(all.people), items(all.items), ratings;
  for (const Rating& rating : all.ratings) {
    ratings.push_back(share(rating));
    people[static_cast<std::size_t>(rating.person)] += ratings.back();
    items[static_cast<std::size_t>(rating.item)] += ratings.back();
  }
  const auto of = [](std::span<const double> clusters) {
    const auto count = static_cast<double>(clusters.size());
    return square_sum(clusters) * count / (count - 1);
  };
  const double single = square_sum(ratings);
  return std::max(single / 2, of(people) + of(items) - single);
}

/// Student's 97.5 % relative to the normal distribution's, by the expansion of Cornish and Fisher: from four degrees of
/// freedom on right to 1 %.
double student_factor(double freedom) {
  const double z = kNormal975, z2 = z * z;
  return 1 + (z2 + 1) / (4 * freedom) + ((5 * z2 + 16) * z2 + 3) / (96 * freedom * freedom) +
         (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * freedom * freedom * freedom);
}

/// The draws' quantiles, scaled about the value.
Estimate scaled_interval(double value, std::vector<double>& draws, double variance, double factor) {
  std::erase_if(draws, [](double draw) { return std::isnan(draw); });
  if (draws.empty() || !std::isfinite(variance)) return {value, kNaN, kNaN};
  double mean = 0, square = 0;
  for (const double draw : draws) mean += draw / static_cast<double>(draws.size());
  for (const double draw : draws) square += (draw - mean) * (draw - mean) / static_cast<double>(draws.size());
  const double scale = square > 0 ? factor * std::sqrt(variance / square) : 0;
  std::ranges::sort(draws);
  return {value, value + scale * (quantile(draws, 0.025) - value),
          value + scale * (quantile(draws, 0.975) - value)};
}

}  // namespace

CrossedMeans crossed_bootstrap(std::span<const Rating> ratings, std::size_t groups, const Bootstrap& how) {
  if (how.draws < 1) throw Error(ErrorKind::usage, "a bootstrap in ", how.draws, " draws was asked for");
  for (const Rating& rating : ratings)
    if (rating.group >= groups)
      throw Error(ErrorKind::usage, "a rating of group ", rating.group, " of ", groups, " was given");
  const Crossed all = crossed(ratings);
  std::vector<Mean> sums(groups);
  const auto add_up = [&](const auto& weight) {
    std::ranges::fill(sums, Mean{});
    for (const Rating& rating : all.ratings) {
      const double w = weight(rating);
      sums[rating.group].sum += w * rating.value;
      sums[rating.group].weight += w;
    }
  };
  add_up([](const Rating&) { return 1.0; });
  const std::vector<Mean> found = sums;
  const std::vector<double> values = statistics_of(found);

  std::vector<std::vector<double>> draws(values.size());
  std::vector<double> people(all.people), items(all.items);
  for (int draw = 0; draw < how.draws; ++draw) {
    const std::uint64_t seed = random_bits(how.seed, static_cast<std::uint64_t>(draw));
    draw_weights(random_bits(seed, 0), people);
    draw_weights(random_bits(seed, 1), items);
    add_up([&](const Rating& rating) {
      return people[static_cast<std::size_t>(rating.person)] * items[static_cast<std::size_t>(rating.item)];
    });
    const std::vector<double> drawn = statistics_of(sums);
    for (std::size_t s = 0; s < drawn.size(); ++s) draws[s].push_back(drawn[s]);
  }

  const double factor = student_factor(static_cast<double>(std::min(all.people, all.items)) - 1);
  const auto share_of = [&](const Rating& rating, std::size_t group) {
    return rating.group == group ? (rating.value - values[group]) / found[group].weight : 0;
  };
  CrossedMeans result;
  for (std::size_t a = 0; a < groups; ++a) {
    const double variance = clustered_variance(all, [&](const Rating& r) { return share_of(r, a); });
    Estimate mean = scaled_interval(values[a], draws[a], variance, factor);
    if (const auto [low, high] =
            std::ranges::minmax_element(all.ratings, {}, [](const Rating& r) { return r.value; });
        low != all.ratings.end()) {
      mean.low = std::max(mean.low, low->value);
      mean.high = std::min(mean.high, high->value);
    }
    result.means.push_back(mean);
  }
  for (std::size_t a = 0, s = groups; a < groups; ++a)
    for (std::size_t b = a + 1; b < groups; ++b, ++s) {
      const double variance =
          clustered_variance(all, [&](const Rating& r) { return share_of(r, b) - share_of(r, a); });
      result.differences.push_back(scaled_interval(values[s], draws[s], variance, factor));
    }
  return result;
}

double permutation_p(std::span<const Rating> ratings, std::size_t a, std::size_t b, const Bootstrap& how) {
  const Crossed all = crossed(ratings);
  std::vector<std::array<Mean, 2>> items(all.items);
  for (const Rating& rating : all.ratings)
    if (rating.group == a || rating.group == b) {
      Mean& mean = items[static_cast<std::size_t>(rating.item)][rating.group == b];
      mean.sum += rating.value;
      ++mean.weight;
    }
  const auto difference = [&](const auto& swapped) {
    std::array<Mean, 2> sums;
    for (std::size_t i = 0; i < items.size(); ++i)
      for (const std::size_t side : {0u, 1u}) {
        const Mean& mean = items[i][swapped(i) ? 1 - side : side];
        sums[side].sum += mean.sum;
        sums[side].weight += mean.weight;
      }
    return std::abs(sums[1].value() - sums[0].value());
  };
  const double found = difference([](std::size_t) { return false; });
  if (std::isnan(found)) return kNaN;
  int as_large = 0;
  for (int draw = 0; draw < how.draws; ++draw) {
    const std::uint64_t seed = random_bits(how.seed, static_cast<std::uint64_t>(draw));
    const double chance = difference([&](std::size_t i) { return random_bits(seed, i) >> 63 != 0; });
    as_large += !(chance < found - 1e-12);  // a draw that leaves a group empty is as large
  }
  return (1.0 + as_large) / (1.0 + how.draws);
}

double sign_test_p(std::int64_t wins, std::int64_t losses) {
  const auto n = static_cast<double>(wins + losses);
  double tail = 0;
  for (std::int64_t k = 0; k <= std::min(wins, losses); ++k) {
    const auto hits = static_cast<double>(k);
    tail +=
        std::exp(std::lgamma(n + 1) - std::lgamma(hits + 1) - std::lgamma(n - hits + 1) - n * std::log(2));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace backlight
