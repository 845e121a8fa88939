// Bilinear upsampling of maps (kernels' names for what engine/image/upsample.hpp does): its versions.
//
//   half-pixel     position = (i + 1/2)·in/out − 1/2         align-corners     position = i·(in − 1)/(out −
//   1) output = (1 − t)·in[lower] + t·in[upper]                 along x, then along y; edges repeated
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/study/version.hpp"

namespace backlight {
class Context;
}

namespace backlight::study::upsampling {

struct Params {
  std::int64_t batch = 0;
  int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
  bool align_corners = false;
};

/// Three blends of three operations a pixel; the positions are shared by rows and columns and not counted.
constexpr Cost cost(const Params& p) {
  const std::int64_t in = p.batch * p.in_height * p.in_width, out = p.batch * p.out_height * p.out_width;
  return {4 * (in + out), 9 * out};
}

/// x: batch×in_height×in_width; y: batch×out_height×out_width.
using Launch = void(Context& context, const Params& params, const float* x, float* y);

namespace v1_one_thread_per_row {
Launch run;
}
namespace v2_one_thread_per_pixel {
Launch run;
}
namespace v3_positions_once {
Launch run;
}
namespace v4_rows_reused {
Launch run;
}
namespace v5_sixteen_byte_stores {
Launch run;
}

inline constexpr Version<Launch> kLadder[] = {
    {"v1_one_thread_per_row", v1_one_thread_per_row::run},
    {"v2_one_thread_per_pixel", v2_one_thread_per_pixel::run},
    {"v3_positions_once", v3_positions_once::run},
    {"v4_rows_reused", v4_rows_reused::run},
    {"v5_sixteen_byte_stores", v5_sixteen_byte_stores::run},
};

}  // namespace backlight::study::upsampling
