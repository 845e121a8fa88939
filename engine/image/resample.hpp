// The filters of Pillow's Image.resize and their weights, shared by the 8-bit and the float path.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace backlight {

enum class Filter {
  bilinear,  ///< triangle of radius 1
  bicubic,   ///< Keys' cubic with a = −0.5, radius 2
  lanczos,   ///< sinc(x)·sinc(x/3), radius 3; Pillow called it ANTIALIAS, too
};

/// "bilinear", "bicubic", "lanczos".
std::string_view name_of(Filter filter);

/// For each output position: the first input position, the number of inputs, and their weights (sum 1).
struct ResampleWeights {
  struct Taps {
    std::int64_t first;
    int count;
  };
  int stride = 0;  ///< weights of output i begin at i * stride
  std::vector<Taps> taps;
  std::vector<double> weights;
};

/// Weights that resize `in` samples to `out`, for outputs [begin, end) only. When shrinking, the filter
/// widens by in/out: that is Pillow's antialiasing.
ResampleWeights resample_weights(std::int64_t in, std::int64_t out, std::int64_t begin, std::int64_t end,
                                 Filter filter);

}  // namespace backlight
