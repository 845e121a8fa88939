// Wilson's interval against known figures, the bootstrap against the distributions that it draws from.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/core/error.hpp"
#include "engine/core/random.hpp"
#include "engine/evaluate/intervals.hpp"

using namespace backlight;

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

}  // namespace

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
