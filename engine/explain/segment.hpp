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

/// Which pixels belong together: those that share an edge or a corner, or an edge alone.
enum class Connectivity : std::uint8_t { eight, four };

/// The largest connected set of pixels with value ≥ fraction · maximum. Among segments of equal size the
/// one met first row by row wins. Empty when no value is positive: there is no evidence to locate. Throws
/// Error(usage) unless 0 < fraction ≤ 1.
std::optional<Segment> largest_segment(const Tensor& map, double fraction = kDefaultSegmentFraction,
                                       Connectivity connectivity = Connectivity::eight);

}  // namespace backlight
