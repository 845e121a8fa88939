// Wilson's interval against known figures, bootstraps against the distributions that they draw from.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "engine/core/error.hpp"
#include "engine/core/random.hpp"
#include "engine/evaluate/crossed.hpp"
#include "engine/evaluate/intervals.hpp"
#include "support/sanitized.hpp"

using namespace backlight;
using backlight::test::sanitized;

namespace {

/// The mean of values of which each is one picture's.
Estimate mean_of(std::span<const double> values, const Bootstrap& how = {}) {
  const auto mean = [&](std::span<const std::int64_t> drawn, std::span<double> out) {
    double sum = 0;
    for (const std::int64_t i : drawn) sum += values[static_cast<std::size_t>(i)];
    out[0] = sum / static_cast<double>(drawn.size());
  };
  return bootstrap(std::ssize(values), 1, mean, how).front();
}

/// The means of a, of b, and the first less the second, of the same draws.
std::vector<Estimate> means_of(std::span<const double> a, std::span<const double> b,
                               const Bootstrap& how = {}) {
  const auto means = [&](std::span<const std::int64_t> drawn, std::span<double> out) {
    out[0] = out[1] = 0;
    for (const std::int64_t i : drawn) {
      out[0] += a[static_cast<std::size_t>(i)] / static_cast<double>(drawn.size());
      out[1] += b[static_cast<std::size_t>(i)] / static_cast<double>(drawn.size());
    }
    out[2] = out[0] - out[1];
  };
  return bootstrap(std::ssize(a), 3, means, how);
}

/// A study of 24 people and 40 pictures, each seen once by everybody under one of four techniques, by turns: right with
/// a technique's rate, and by how able the person is, how easy the picture, how plain what is shown of it.
constexpr std::array kRates{0.61, 0.6, 0.53, 0.44};
std::vector<Rating> study_of(std::uint64_t seed) {
  std::vector<Rating> ratings;
  const auto spread = [&](std::uint64_t of, std::int64_t index, double most) {
    return most * (2 * random_uniform(random_bits(seed, of), static_cast<std::uint64_t>(index)) - 1);
  };
  for (std::int64_t person = 0; person < 24; ++person)
    for (std::int64_t item = 0; item < 40; ++item) {
      const std::int64_t shown = (item + person) % 8;
      const auto technique = static_cast<std::size_t>(shown % 4);
      const double rate = kRates[technique] + spread(0, person, 0.15) + spread(1, item, 0.15) +
                          spread(2, item * 8 + shown, 0.1);
      const double draw =
          random_uniform(random_bits(seed, 3), static_cast<std::uint64_t>(person * 40 + item));
      ratings.push_back({person, item, technique, draw < rate ? 1.0 : 0.0});
    }
  return ratings;
}

bool holds(const Estimate& estimate, double truth) { return estimate.low <= truth && truth <= estimate.high; }

}  // namespace

TEST_CASE("intervals: of crossed people and pictures they hold the truth in 95 of 100 studies") {
  const int studies = sanitized() ? 100 : 1000;
  int shares = 0, differences = 0, independent = 0;
  for (std::uint64_t study = 0; study < static_cast<std::uint64_t>(studies); ++study) {
    const std::vector<Rating> ratings = study_of(study);
    const CrossedMeans found = crossed_bootstrap(ratings, 4, {.seed = study, .draws = 200});
    REQUIRE(found.means.size() == 4);
    REQUIRE(found.differences.size() == 6);
    for (std::size_t a = 0, d = 0; a < 4; ++a) {
      shares += holds(found.means[a], kRates[a]);
      const auto right = static_cast<std::int64_t>(std::llround(found.means[a].value * 240));
      independent += holds(wilson(right, 240), kRates[a]);
      for (std::size_t b = a + 1; b < 4; ++b, ++d)
        differences += holds(found.differences[d], kRates[b] - kRates[a]);
    }
  }
  const auto percent = [studies](int covered, int each) { return 100.0 * covered / (each * studies); };
  CAPTURE(percent(shares, 4));
  CAPTURE(percent(differences, 6));
  const double tolerance = sanitized() ? 4 : 1.5;
  CHECK(std::abs(percent(shares, 4) - 95) < tolerance);
  CHECK(std::abs(percent(differences, 6) - 95) < tolerance);
  CHECK(percent(independent, 4) < 91);  // what taking every answer for independent comes to
}

TEST_CASE("intervals: of crossed people and pictures, what they are of and what they do not depend on") {
  std::vector<Rating> ratings = study_of(1);
  const CrossedMeans found = crossed_bootstrap(ratings, 4, {.draws = 300});
  double right = 0;
  for (const Rating& rating : ratings) right += rating.group == 2 ? rating.value / 240 : 0;
  CHECK(std::abs(found.means[2].value - right) < 1e-12);
  CHECK(std::abs(found.differences[4].value - (found.means[3].value - found.means[1].value)) < 1e-12);
  std::ranges::reverse(ratings);
  for (Rating& rating : ratings) rating.item = 1000 - 3 * (39 - rating.item);
  const CrossedMeans again = crossed_bootstrap(ratings, 4, {.draws = 300});
  CHECK(again.means == found.means);
  CHECK(again.differences == found.differences);
  CHECK(crossed_bootstrap(ratings, 4, {.seed = 2, .draws = 300}).means != found.means);

  // All right: no scatter. Of three people an interval is wide, but not beyond what can be. Without people to draw there
  // is none.
  for (Rating& rating : ratings)
    rating.value = rating.group == 3 && rating.person == 0 && rating.item < 950 ? 0 : 1;
  std::erase_if(ratings, [](const Rating& rating) { return rating.person > 2; });
  const CrossedMeans high = crossed_bootstrap(ratings, 5, {.draws = 300});
  CHECK(high.means[0] == Estimate{1, 1, 1});
  CHECK(high.means[3].value < 1);
  CHECK(high.means[3].high == 1);
  CHECK(high.differences[2].high - high.differences[2].low > high.means[3].high - high.means[3].low);
  CHECK(std::isnan(high.means[4].value));
  CHECK(std::isnan(high.differences[3].low));
  std::erase_if(ratings, [](const Rating& rating) { return rating.person > 0; });
  CHECK(std::isnan(crossed_bootstrap(ratings, 4, {.draws = 300}).means[1].low));
  CHECK_THROWS_AS(crossed_bootstrap(ratings, 3), Error);

  // Each of ten people is right about an item of their own alone. Were people and items drawn alike, the mean of a draw,
  // Σ p_i q_i/n², would never be less than what was found, 1/n.
  std::vector<Rating> own;
  for (std::int64_t person = 0; person < 10; ++person)
    for (std::int64_t item = 0; item < 10; ++item) own.push_back({person, item, 0, double(person == item)});
  const Estimate apart = crossed_bootstrap(own, 1, {.draws = 1000}).means[0];
  CHECK(apart.value == 0.1);
  CHECK(apart.low < 0.08);
  CHECK(apart.high > 0.12);
  CHECK_THROWS_AS(crossed_bootstrap(ratings, 4, {.draws = 0}), Error);
}

TEST_CASE("intervals: permutations within items against all of them, and the sign test") {
  // Four items, of which each had group 0 by two people and group 1 by one.
  std::vector<Rating> ratings;
  for (const auto& [item, a, b, c] : {std::tuple{0, 0, 1, 1}, {1, 0, 0, 1}, {2, 1, 0, 1}, {3, 1, 1, 0}})
    for (const auto& [person, group, value] : {std::tuple{0, 0u, a}, {1, 0u, b}, {2, 1u, c}})
      ratings.push_back({person, item, group, static_cast<double>(value)});
  const std::array<std::array<double, 4>, 4> sums{{{1, 2, 1, 1}, {0, 2, 1, 1}, {1, 2, 1, 1}, {2, 2, 0, 1}}};
  const auto difference = [&](unsigned swaps) {
    std::array<double, 4> all{};
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned k = 0; k < 4; ++k) all[k] += sums[i][swaps >> i & 1 ? (k + 2) % 4 : k];
    return std::abs(all[0] / all[1] - all[2] / all[3]);
  };
  int as_large = 0;
  for (unsigned swaps = 0; swaps < 16; ++swaps) as_large += difference(swaps) >= difference(0) - 1e-12;
  CHECK(as_large > 1);
  CHECK(as_large < 16);
  CHECK(std::abs(permutation_p(ratings, 0, 1) - as_large / 16.0) < 0.02);
  CHECK(permutation_p(ratings, 0, 1) == permutation_p(ratings, 1, 0));
  CHECK(std::isnan(permutation_p(ratings, 0, 2)));

  CHECK(std::abs(sign_test_p(8, 2) - 0.109375) < 1e-9);
  CHECK(std::abs(sign_test_p(0, 6) - 0.03125) < 1e-9);
  CHECK(sign_test_p(5, 5) == 1);
  CHECK(sign_test_p(0, 0) == 1);
}

TEST_CASE("intervals: Wilson's") {
  const auto is = [](const Estimate& found, double value, double low, double high) {
    CHECK(std::abs(found.value - value) < 1e-12);
    CHECK(std::abs(found.low - low) < 5e-7);
    CHECK(std::abs(found.high - high) < 5e-7);
  };
  is(wilson(496, 810), 496 / 810.0, 0.578338, 0.645293);
  is(wilson(1, 3), 1 / 3.0, 0.061492, 0.792340);
  is(wilson(0, 10), 0, 0, 0.277533);
  is(wilson(10, 10), 1, 0.722467, 1);
  CHECK(wilson(0, 7).low == 0);
  CHECK(wilson(7, 7).high == 1);
  for (const auto& [hits, n] : {std::pair{0, 0}, {-1, 3}, {4, 3}}) CHECK_THROWS_AS(wilson(hits, n), Error);
}

TEST_CASE("intervals: the bootstrap covers the mean of what the values were drawn from 95 times in 100") {
  int covered = 0;
  for (std::uint64_t trial = 0; trial < 400; ++trial) {
    std::vector<double> values(80);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = random_uniform(1000 + trial, i);
    const Estimate mean = mean_of(values, {.seed = trial, .draws = 400});
    CHECK(std::abs(mean.value - std::accumulate(values.begin(), values.end(), 0.0) / 80) < 1e-12);
    covered += mean.low <= 0.5 && 0.5 <= mean.high;
  }
  CHECK(covered >= 366);  // 91.5 %; 400 trials scatter by 1.1, percentile intervals of 80 fall short by 1
  CHECK(covered <= 393);
}

TEST_CASE("intervals: a difference is paired, seeded, and a statistic without a value is left out") {
  std::vector<double> a(200), b(200);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = 100 * random_uniform(1, i);
    b[i] = a[i] - 1 - 0.01 * random_uniform(2, i);
  }
  const std::vector<Estimate> means = means_of(a, b);
  const Estimate& paired = means[2];
  CHECK(paired.low > 1.004);
  CHECK(paired.high < 1.006);
  CHECK(means[0].high - means[0].low > 5);
  CHECK(means_of(a, b) == means);
  CHECK(means_of(a, b, {.seed = 2})[2].low != paired.low);

  // Of one item that counts and one that does not, a quarter of the draws hold none that counts.
  int empty = 0;
  const auto ratio = [&](std::span<const std::int64_t> drawn, std::span<double> out) {
    const double counted = static_cast<double>(std::count(drawn.begin(), drawn.end(), 0));
    empty += counted == 0;
    out[0] = 3 * counted / counted;
    out[1] = std::numeric_limits<double>::quiet_NaN();
  };
  const std::vector<Estimate> found = bootstrap(2, 2, ratio, {.draws = 1000});
  CHECK(std::abs(empty - 250) < 50);
  CHECK(found[0] == Estimate{3, 3, 3});
  CHECK(std::isnan(found[1].low));

  CHECK_THROWS_AS(mean_of({}), Error);
  CHECK_THROWS_AS(mean_of(a, {.draws = 0}), Error);
}

TEST_CASE("intervals: the median of an even number lies between two values") {
  CHECK(median({5, 1, 9}) == 5);
  CHECK(median({9, 1, 2, 4}) == 3);
  CHECK(median({}) == 0);
}

TEST_CASE("intervals: rows are summed as often as they were drawn") {
  const std::vector<float> table{1, 2, 10, 20, 100, 200};
  std::vector<double> sums{7, 7};
  sum_rows(table, std::vector<std::int64_t>{2, 0, 2}, sums);
  CHECK(sums == std::vector<double>{201, 402});
  for (const std::int64_t row : {-1, 3}) CHECK_THROWS_AS(sum_rows(table, std::vector{row}, sums), Error);
}
