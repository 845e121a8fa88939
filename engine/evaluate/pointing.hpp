// Whether a map's maximum lies on an object, and how much of its mass does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/image/geometry.hpp"

namespace backlight {

/// A pixel of a picture.
struct Pixel {
  std::int64_t x = 0, y = 0;
  friend bool operator==(const Pixel&, const Pixel&) = default;
};

/// The first maximum, row by row, of a map over the network's input that is laid over the picture at its size (the
/// part of it that the network saw). Nothing where no value is positive.
std::optional<Pixel> strongest_pixel(const Tensor& map, const Placement& placement);

/// Pixels of a picture, row by row, 1 where they belong to something.
struct PixelSet {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> in = {};

  /// The pixels whose centre lies in one of the boxes; of a box that holds no centre, that of its middle.
  static PixelSet of(std::int64_t width, std::int64_t height, std::span<const Box> boxes);
  std::int64_t count() const;
  double share() const { return static_cast<double>(count()) / static_cast<double>(width * height); }
};

/// Pointing game (arXiv:1608.00507): whether the pixel is one of the set's, or, as in TorchRay, less than `tolerance`
/// pixels away from one, from centre to centre.
bool points_at(const Pixel& pixel, const PixelSet& object, double tolerance);

/// The share of objects of less than a quarter of the picture beside others, by which the pointing game's paper chose
/// its difficult subset: whether a class that covers `object` is one, where another class is there.
inline constexpr double kDifficultShare = 0.25;

/// The paper of Grad-CAM's pointing game (section 4.1): a prediction whose map's raw maximum lies below a threshold
/// is rejected. Right is what is present, accepted and pointed at, or absent and rejected.
struct RejectionCase {
  double maximum = 0;  ///< of the raw map
  bool present = false, hit = false;
  std::int64_t times = 1;  ///< that it counts
};
struct RejectionPoint {
  double threshold = 0, accuracy = 0;
};
/// Of every threshold that tells cases apart, ascending: first that which accepts all, last, infinite, that which
/// rejects all. Empty without cases.
std::vector<RejectionPoint> rejection_curve(std::span<const RejectionCase> cases);

/// The set as the network's input sees it: of each of height × width input pixels, whether the picture's pixel under
/// its centre is in. Padding is not.
PixelSet seen_by_input(const PixelSet& set, const Placement& placement);

/// The share of a map's positive values that lies in a set of the same size (energy-based pointing,
/// arXiv:1910.01279); 0 where none is positive. Of a uniform map it is the set's share of the area.
double energy_inside(const Tensor& map, const PixelSet& set);
/// How much stronger it is inside the set than outside, by which Grad-CAM's paper (section 8.1) compares maps of region
/// captions with dense captions' boxes: with a = max(0, v) of a map v, H×W, or max_c |v_c| of a gradient, C×H×W,
///   mean of a over the set / mean of a over the other pixels
/// 1 of what is uniform, zero too; infinite where it is zero outside alone. Throws Error(usage) for values that are not
/// of the set's size, and for a set without pixels or with all.
double inside_outside(const Tensor& values, const PixelSet& set);
/// Average precision of the values as scores of the pixels: Σ precision · Δrecall over distinct values, descending,
/// as scikit-learn has it. NaN for an empty set.
double pixel_average_precision(const Tensor& map, const PixelSet& set);
/// IoU of the pixels ≥ fraction · maximum with the set; 0 where none is positive.
double segment_iou(const Tensor& map, const PixelSet& set, double fraction);
/// Loc(δ) of Grad-CAM++ (arXiv:1710.11063, section 4.3): of the pixels above δ of the min-max normalised map, those
/// inside by the set's size and those outside together. 0 for a constant map.
double loc(const Tensor& map, const PixelSet& set, double delta);

/// Pixels of the set and others by the level of their value: bin k has those from k/levels of the maximum on and
/// below (k+1)/levels, the last, k = levels, those of the maximum; what is not positive is in the first. Summed over
/// pictures they give PxAP.
struct PixelHistogram {
  std::vector<std::int64_t> inside, outside;
};
/// Pixels of `ignored`, of the same size, that the set has not are in none.
PixelHistogram pixel_histogram(const Tensor& map, const PixelSet& set, int levels = 100,
                               const PixelSet* ignored = nullptr);
/// PxAP (arXiv:2007.04178): Σ precision · Δrecall over the bins, descending. NaN without a pixel inside.
double pxap(std::span<const double> inside, std::span<const double> outside);

}  // namespace backlight
