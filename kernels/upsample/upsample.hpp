// Enlarging coarse maps for display. For output i of `out` positions over `in` inputs, the coordinate is
//
//   nearest                 ⌊i · in / out⌋                  torch's interpolate, captum's default
//   bilinear                (i + ½) · in / out − ½          OpenCV's INTER_LINEAR, pytorch-grad-cam
//   bilinear_align_corners  i · (in − 1) / (out − 1)        the original Grad-CAM code
//
// and the bilinear ones blend the two neighbours by the coordinate's fraction, along x and then along y,
// edges repeated. Each way equals the program that it is known from.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/image/geometry.hpp"
#include "engine/image/resample.hpp"
#include "kernels/cost.hpp"

namespace backlight {

class Context;

enum class Upsampling : std::uint8_t {
  nearest,
  bilinear,
  bilinear_align_corners,
  bicubic,  ///< Pillow's BICUBIC on floats (a = −0.5, may overshoot): torch-cam's overlay; on the CPU only
};

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

/// `batch` maps of height × width to out_height × out_width.
struct UpsampleParams {
  std::int64_t batch = 0, height = 0, width = 0, out_height = 0, out_width = 0;
  Upsampling mode = Upsampling::bilinear;
};

namespace cuda {

/// y: batch × out_height × out_width. In the context's stream. Throws Error(unsupported) for bicubic.
void upsample(Context& context, const UpsampleParams& params, const float* map, float* y);

constexpr Cost upsample_cost(const UpsampleParams& p) {
  const std::int64_t in = p.batch * p.height * p.width, out = p.batch * p.out_height * p.out_width;
  return {4 * (in + out), p.mode == Upsampling::nearest ? 0 : 9 * out};
}

}  // namespace cuda
}  // namespace backlight
