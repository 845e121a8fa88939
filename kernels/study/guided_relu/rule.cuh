// The rule for one element. A NaN in y or dy gives zero, as on the CPU.
#pragma once

#include "kernels/launch.hpp"

namespace backlight::study::guided_relu {

__device__ inline float guided(float y, float dy, float upper) {
  return y > 0.0f && y < upper && dy > 0.0f ? dy : 0.0f;
}

__device__ inline float4 guided(float4 y, float4 dy, float upper) {
  return make_float4(guided(y.x, dy.x, upper), guided(y.y, dy.y, upper), guided(y.z, dy.z, upper),
                     guided(y.w, dy.w, upper));
}

}  // namespace backlight::study::guided_relu
