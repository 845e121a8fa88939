// Bilinear upsampling of maps (kernels' names for what kernels/upsample/upsample.hpp does): its versions.
//
//   half-pixel       position = (i + 1/2)·in/out − 1/2
//   align-corners    position = i·(in − 1)/(out − 1)
//   both             output = (1 − t)·in[lower] + t·in[upper], along x, then along y; edges repeated
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"
#include "kernels/study/version.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight::study::upsampling {

struct Params {
  std::int64_t batch = 0;
  int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
  bool align_corners = false;
};

constexpr UpsampleParams upsample_params(const Params& p) {
  return {p.batch,     p.in_height,
          p.in_width,  p.out_height,
          p.out_width, p.align_corners ? Upsampling::bilinear_align_corners : Upsampling::bilinear};
}
constexpr Cost cost(const Params& p) { return cuda::upsample_cost(upsample_params(p)); }

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

/// kernels/upsample/upsample_cuda.cu, as the engine calls it.
inline void library(Context& context, const Params& params, const float* x, float* y) {
  cuda::upsample(context, upsample_params(params), x, y);
}

inline constexpr Version<Launch> kLadder[] = {
    {"v1_one_thread_per_row", v1_one_thread_per_row::run},
    {"v2_one_thread_per_pixel", v2_one_thread_per_pixel::run},
    {"v3_positions_once", v3_positions_once::run},
    {"v4_rows_reused", v4_rows_reused::run},
    {"v5_sixteen_byte_stores", v5_sixteen_byte_stores::run},
    {"library", library},
};

}  // namespace backlight::study::upsampling
