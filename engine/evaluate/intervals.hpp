// How far what was measured on some pictures may be from what holds of all: 95 % intervals.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/function_ref.hpp"

namespace backlight {

/// Of the normal distribution: 95 % lie between it and its negative.
inline constexpr double kNormal975 = 1.959963984540054;

/// Of an even number of values the mean of those in the middle; 0 of none.
double median(std::vector<double> values);

/// A value, and the interval of 95 % around it.
struct Estimate {
  double value = 0, low = 0, high = 0;
  friend bool operator==(const Estimate&, const Estimate&) = default;
};

/// A share, hits/n, with Wilson's interval (1927): centre (p + z²/2n) / (1 + z²/n), half width
/// z √(p(1−p)/n + z²/4n²) / (1 + z²/n), z = 1.96. Throws Error(usage) unless 0 ≤ hits ≤ n and n > 0.
Estimate wilson(std::int64_t hits, std::int64_t n);

/// Of a sorted list of at least one value, linear between them as NumPy's.
double quantile(std::span<const double> sorted, double q);

struct Bootstrap {
  std::uint64_t seed = 1;
  int draws = 10'000;
};

/// Several statistics of the same items, with the bootstrap's percentile intervals. `statistic` computes all of them of
/// the items whose indices it is given: first each once, which makes the values, then `draws` times as many drawn with
/// replacement, of which draw k is a pure function of (seed, k). A difference of two statistics is a statistic, and
/// thereby paired. One that is NaN in a draw, 0/0, is left out of its interval, which is NaN where none is left. Throws
/// Error(usage) without items or draws.
std::vector<Estimate> bootstrap(
    std::int64_t items, std::size_t statistics,
    FunctionRef<void(std::span<const std::int64_t> drawn, std::span<double> values)> statistic,
    const Bootstrap& how = {});

/// Sums of the rows drawn of a table with as many columns as `sums`: what a statistic of pooled counts begins with.
/// Throws Error(usage) for a row that there is not.
void sum_rows(std::span<const float> table, std::span<const std::int64_t> drawn, std::span<double> sums);

}  // namespace backlight
