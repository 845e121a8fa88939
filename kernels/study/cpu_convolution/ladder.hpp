// A convolution by 3×3 filters at stride 1 and padding 1, in float32 on the
// processor: its versions, from six loops to the library's.
//
//   y[o,p,q] = Σ_{c,r,s} w[o,c,r,s] · x[c, p + r − 1, q + s − 1]       x is
//   zero outside
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/study/cpu.hpp"

namespace backlight::study::cpu_convolution {

/// x is in×height×width, y is out×height×width, w is out×in×3×3.
struct Params {
  std::int64_t in = 1, out = 1, height = 1, width = 1;

  std::int64_t plane() const { return height * width; }
};

inline Conv2dParams conv2d_params(const Params& p) {
  return {.in_channels = p.in,
          .in_height = p.height,
          .in_width = p.width,
          .out_channels = p.out,
          .out_height = p.height,
          .out_width = p.width,
          .kernel_height = 3,
          .kernel_width = 3,
          .pad_top = 1,
          .pad_left = 1};
}

inline Cost cost(const Params& p) { return cuda::conv2d_cost(conv2d_params(p)); }

/// Overwrites y. Keeps neither x nor y.
using Convolution = std::function<void(const float* x, float* y)>;
/// What is done once for the filters, which must stay as long as the result;
/// the context, too.
using Prepare = Convolution(Context& context, const Params& params, const float* w);

namespace v1_as_written {
Prepare prepare;
}
namespace v2_along_rows {
Prepare prepare;
}
namespace v3_register_tile {
Prepare prepare;
}
namespace v4_matrix_of_patches {
Prepare prepare;
}
namespace v5_panels_of_patches {
Prepare prepare;
}
namespace v6_winograd {
Prepare prepare;
}
/// What the engine runs with `--optimise all`.
namespace library {
Prepare prepare;
}

inline constexpr CpuVersion<Prepare> kLadder[] = {
    {"v1_as_written", v1_as_written::prepare},
    {"v2_along_rows", v2_along_rows::prepare},
    {"v3_register_tile", v3_register_tile::prepare},
    {"v4_matrix_of_patches", v4_matrix_of_patches::prepare},
    {"v5_panels_of_patches", v5_panels_of_patches::prepare},
    {"v6_winograd", v6_winograd::prepare},
    {"library, one thread", library::prepare},
    {"library", library::prepare, /*all_threads=*/true},
};

}  // namespace backlight::study::cpu_convolution
