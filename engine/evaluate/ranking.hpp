// The order of a map's pixels, and how two orders agree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace backlight {

/// Pixels from the strongest to the weakest, equals in row-major order: half of a Grad-CAM map is zero, so what an
/// unstable sort does with ties decides what is measured. Throws Error(bad_input) for NaN.
std::vector<std::int64_t> descending(std::span<const double> map);

/// Where each pixel stands in that order, from 0.
std::vector<std::int64_t> positions(std::span<const std::int64_t> order);

/// round(share·n): so many pixels are removed, never "all above a percentile". Throws Error(usage) for a share outside
/// 0…1.
std::int64_t share_of(double share, std::int64_t n);

/// Ranks from 1, ascending; equals have the mean of theirs.
std::vector<double> mean_ranks(std::span<const double> values);

/// Pearson's correlation, −1…1; nothing where one of the two is constant, for which it is not defined (SciPy: NaN).
/// Throws Error(usage) for unequal sizes.
std::optional<double> pearson(std::span<const double> a, std::span<const double> b);
/// Spearman's: Pearson's of the mean ranks, as scipy.stats.spearmanr.
std::optional<double> spearman(std::span<const double> a, std::span<const double> b);

}  // namespace backlight
