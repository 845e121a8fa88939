// The two neighbours of an output position, computed in double and then rounded to float as
// kernels/upsample/upsample_cpu.cpp does, so that both agree on which neighbours they are.
#pragma once

#include "kernels/launch.hpp"

namespace backlight::study::upsampling {

struct Tap {
  int lower, upper;
  float t;
};

__device__ inline Tap tap_of(int i, int in, int out, bool align_corners) {
  float position = 0;
  if (!align_corners)
    position = static_cast<float>((i + 0.5) * (static_cast<double>(in) / out) - 0.5);
  else if (out > 1)
    position = static_cast<float>(i * (static_cast<double>(in - 1) / (out - 1)));
  const float last = static_cast<float>(in - 1);
  position = position < 0.0f ? 0.0f : position > last ? last : position;
  const int lower = static_cast<int>(position);
  return {lower, lower + 1 < in ? lower + 1 : lower, position - static_cast<float>(lower)};
}

__device__ inline float blend(float a, float b, float t) { return a * (1 - t) + b * t; }

}  // namespace backlight::study::upsampling
