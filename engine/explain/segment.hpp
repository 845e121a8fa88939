// Localization from one map (Grad-CAM paper, section 4.1): threshold, largest connected segment, box.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/image/geometry.hpp"

namespace backlight {

/// The paper's threshold for localization.
inline constexpr double kDefaultSegmentFraction = 0.15;

struct Segment {
  std::vector<std::uint8_t> mask;  ///< H·W, 1 inside the segment
  std::int64_t pixels = 0;
  Box box;  ///< in pixels of the map
};

/// The largest 8-connected set of pixels with value ≥ fraction · maximum. Among segments of equal size the
/// one met first row by row wins. Empty when no value is positive: there is no evidence to locate. Throws
/// Error(usage) unless 0 < fraction ≤ 1.
std::optional<Segment> largest_segment(const Tensor& map, double fraction = kDefaultSegmentFraction);

}  // namespace backlight
