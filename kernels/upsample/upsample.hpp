// Enlarging coarse maps for display. For output i of `out` positions over `in` inputs, the coordinate is
//
//   nearest                 ⌊i · in / out⌋                  torch's interpolate, captum's default
//   bilinear                (i + ½) · in / out − ½          OpenCV's INTER_LINEAR, pytorch-grad-cam
//   bilinear_align_corners  i · (in − 1) / (out − 1)        the original Grad-CAM code
//
// and the bilinear ones blend the two neighbours by the coordinate's fraction, along x and then along y,
// edges repeated. The CPU's implementation is engine/image/upsample.cpp.
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

enum class Upsampling : std::uint8_t {
  nearest,
  bilinear,
  bilinear_align_corners,
  bicubic,  ///< Pillow's BICUBIC on floats (a = −0.5, may overshoot): torch-cam's overlay; on the CPU only
};

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
