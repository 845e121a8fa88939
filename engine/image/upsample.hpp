// Enlarging a coarse map for display: the four ways in use, each equal to the program it is known from.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/image/geometry.hpp"
#include "engine/image/resample.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {

/// "nearest", "bilinear", "bilinear-align-corners", "bicubic".
std::string_view name_of(Upsampling mode);

/// An enlarged map, row by row, so that a large picture needs no copy of it at its own size.
class MapRows {
 public:
  /// Output = (1 − t) · in[lower] + t · in[upper].
  struct Tap {
    std::int64_t lower, upper;
    float t;
  };

  /// As `upsample` gives it.
  MapRows(const Tensor& map, std::int64_t height, std::int64_t width, Upsampling mode);
  /// The part of `project` that the network saw, placement.seen().
  MapRows(const Tensor& map, const Placement& placement);

  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  /// Writes the row's width() values.
  void row(std::int64_t y, float* to) const;

 private:
  void widen(const float* map, std::int64_t map_height, std::int64_t map_width,
             const std::vector<Tap>& columns);
  void widen_bicubic(const float* map, std::int64_t map_height, std::int64_t map_width);

  std::int64_t height_, width_;
  std::vector<float> wide_;  ///< the map's rows, enlarged along x
  std::vector<Tap> rows_;
  ResampleWeights bicubic_rows_;  ///< in their place
};

/// An H×W map (leading extents of 1 allowed) at height × width, as a rank-2 tensor.
Tensor upsample(const Tensor& map, std::int64_t height, std::int64_t width, Upsampling mode);

/// A map over the network's input, of any resolution, sampled bilinearly at the centres of the source's
/// pixels. Pixels that the network did not see are 0. The result is source_height × source_width.
Tensor project(const Tensor& map, const Placement& placement);

}  // namespace backlight
