// From a picture's bytes to a network's input on the device: resize, crop, normalise, with the bits of
// engine/image/resize.cpp and preprocess.cpp, the CPU's implementation.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// One pass of the resize. Output i is (2²¹ + Σ_k in[first_i + k] · weights[i · stride + k]) >> 22, clamped
/// to 8 bits; `taps` holds first and count of every output.
struct ResizeAxis {
  std::int64_t in = 0, out = 0;
  int stride = 0;
  const std::int32_t* taps = nullptr;
  const std::int32_t* weights = nullptr;
};

struct PreprocessParams {
  ResizeAxis across, down;
  bool vertical_first = false;
  std::int64_t pitch = 0;  ///< bytes from one row of the picture to the next

  std::int64_t width = 0, height = 0;  ///< of the network's input
  std::int64_t x = 0, y = 0;           ///< where the resized picture lies in it; the rest is black
  float divisor = 1;
  std::array<float, 3> mean{}, std{};  ///< in the network's order of channels
  bool bgr = false;
  int channels = 3;  ///< of the input; one is the picture's grey, by Pillow's formula
};

namespace cuda {

/// picture: down.in rows of across.in pixels of three bytes. Writes the input, channels × height × width, and
/// what the network sees, height × width × 3. In the context's stream.
void preprocess(Context& context, const PreprocessParams& params, const std::uint8_t* picture,
                std::uint8_t* seen, float* x);

/// The picture between the passes is written and read again; every tap is a multiplication and an addition
/// for each colour, every input value three operations.
constexpr Cost preprocess_cost(const PreprocessParams& p) {
  const std::int64_t between = p.vertical_first ? p.across.in * p.down.out : p.across.out * p.down.in;
  const std::int64_t resized = p.across.out * p.down.out, input = p.width * p.height;
  const std::int64_t first = p.vertical_first ? p.down.stride : p.across.stride,
                     second = p.vertical_first ? p.across.stride : p.down.stride;
  return {3 * (p.across.in * p.down.in + 2 * between + input) + 4 * p.channels * input,
          6 * (between * first + resized * second) + 3 * p.channels * input};
}

}  // namespace cuda
}  // namespace backlight
