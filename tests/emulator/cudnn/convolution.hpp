// The arithmetic behind the emulated cuDNN: convolutions of dense NCHW float32 arrays, on all processors.
#pragma once

#include <array>
#include <cstdint>

namespace backlight::emulator {

/// Extents by the letters of the equations in kernels/conv2d/conv2d.hpp; pairs are vertical, horizontal.
struct ConvGeometry {
  std::int64_t n, c, o, groups;
  std::array<std::int64_t, 2> in, kernel, out, before, stride, dilation;
};

/// Each overwrites its last argument.
void convolve_forward(const ConvGeometry& geometry, const float* x, const float* w, float* y);
void convolve_backward_data(const ConvGeometry& geometry, const float* dy, const float* w, float* dx);
void convolve_backward_filter(const ConvGeometry& geometry, const float* x, const float* dy, float* dw);

}  // namespace backlight::emulator
