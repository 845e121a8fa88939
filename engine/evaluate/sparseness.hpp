// How few pixels a map needs. Of |a|, the absolute values of a map of n pixels.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace backlight {

/// The Gini index (Chalasani et al. 2020, arXiv:1810.06583), of |a| in ascending order: Σ_i (2i − n − 1) |a|_i / (n
/// Σ|a|), i from 1: 0 where all are equal, (n−1)/n where one pixel has everything. Nothing for a map of zeros. Quantus
/// adds 1e-7 to every |a|, which changes the seventh digit.
std::optional<double> sparseness(std::span<const double> map);

/// The entropy of |a|/Σ|a| (Bhatt et al. 2020, arXiv:2005.00631), in nats: 0 for one pixel, ln n where all are equal;
/// divided by ln n, maps of different sizes compare. Nothing for a map of zeros.
std::optional<double> complexity(std::span<const double> map);

/// How many |a| are above `threshold` (Nguyen and Martínez 2020, arXiv:2007.07584).
std::int64_t effective_complexity(std::span<const double> map, double threshold = 1e-5);

}  // namespace backlight
