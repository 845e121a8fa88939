#include "engine/evaluate/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/core/error.hpp"
#include "engine/core/random.hpp"

namespace backlight {

double quantile(std::span<const double> sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n == 0 ? 0 : n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

Estimate wilson(std::int64_t hits, std::int64_t n) {
  if (n < 1 || hits < 0 || hits > n)
    throw Error(ErrorKind::usage, "a share of ", hits, " in ", n, " was asked for");
  const auto total = static_cast<double>(n);
  const double p = static_cast<double>(hits) / total;
  const double scale = 1 / (1 + kNormal975 * kNormal975 / total);
  const double centre = (p + kNormal975 * kNormal975 / (2 * total)) * scale;
  const double half =
      kNormal975 * std::sqrt(p * (1 - p) / total + kNormal975 * kNormal975 / (4 * total * total)) * scale;
  // Rounding must not part the ends of 0 and 1 from the value.
  return {p, hits == 0 ? 0 : centre - half, hits == n ? 1 : centre + half};
}

std::vector<Estimate> bootstrap(
    std::int64_t items, std::size_t statistics,
    FunctionRef<void(std::span<const std::int64_t> drawn, std::span<double> values)> statistic,
    const Bootstrap& how) {
  if (items < 1 || how.draws < 1)
    throw Error(ErrorKind::usage, "a bootstrap of ", items, " items in ", how.draws, " draws was asked for");
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(items));
  std::vector<double> values(statistics);
  std::iota(drawn.begin(), drawn.end(), 0);
  statistic(drawn, values);
  std::vector<Estimate> estimates(statistics);
  for (std::size_t s = 0; s < statistics; ++s) estimates[s].value = values[s];

  std::vector<std::vector<double>> found(statistics);
  for (int draw = 0; draw < how.draws; ++draw) {
    const std::uint64_t seed = random_bits(how.seed, static_cast<std::uint64_t>(draw));
    for (std::size_t i = 0; i < drawn.size(); ++i)
      drawn[i] = std::min(items - 1,
                          static_cast<std::int64_t>(static_cast<double>(items) * random_uniform(seed, i)));
    statistic(drawn, values);
    for (std::size_t s = 0; s < statistics; ++s)
      if (!std::isnan(values[s])) found[s].push_back(values[s]);
  }
  for (std::size_t s = 0; s < statistics; ++s) {
    std::sort(found[s].begin(), found[s].end());
    const double none = std::numeric_limits<double>::quiet_NaN();
    estimates[s].low = found[s].empty() ? none : quantile(found[s], 0.025);
    estimates[s].high = found[s].empty() ? none : quantile(found[s], 0.975);
  }
  return estimates;
}

void sum_rows(std::span<const float> table, std::span<const std::int64_t> drawn, std::span<double> sums) {
  const std::size_t columns = sums.size(), rows = columns == 0 ? 0 : table.size() / columns;
  std::ranges::fill(sums, 0.0);
  for (const std::int64_t row : drawn) {
    if (row < 0 || static_cast<std::size_t>(row) >= rows)
      throw Error(ErrorKind::usage, "row ", row, " of a table of ", rows, " was drawn");
    const float* const from = &table[static_cast<std::size_t>(row) * columns];
    for (std::size_t k = 0; k < columns; ++k) sums[k] += static_cast<double>(from[k]);
  }
}

}  // namespace backlight
