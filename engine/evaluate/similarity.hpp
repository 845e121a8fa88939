// How alike two maps look.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace backlight {

/// Structural similarity (Wang et al. 2004) of two maps in 0…1, row by row: the mean, over pixels five and more from
/// the rim, of (2μμ' + C₁)(2σ' + C₂)/((μ² + μ'² + C₁)(σ² + σ'² + C₂)) under a Gaussian of σ 1.5 on 11 taps, C =
/// (0.01)² and (0.03)²: a data range of 1 (Adebayo et al. had 2, which their library took for floats), and sample
/// covariances, as scikit-image's structural_similarity with gaussian_weights. Throws Error(usage) for maps below
/// 11×11 or of other sizes.
double ssim(std::span<const double> a, std::span<const double> b, std::int64_t height, std::int64_t width);

/// Histograms of oriented gradients (Dalal and Triggs 2005): 9 orientations in cells of 16×16, blocks of 3×3 cells,
/// each normalised by L2, cut at 0.2 and normalised again, as scikit-image's hog. Throws Error(usage) for a map below
/// 48×48.
std::vector<double> hog(std::span<const double> map, std::int64_t height, std::int64_t width);

}  // namespace backlight
