// The devices that these tests use.
#pragma once

#include "engine/runtime/device.hpp"

namespace backlight::test {

constexpr Device cuda_device(int index) { return {Device::Kind::cuda, index}; }
inline constexpr Device kCudaDevice = cuda_device(0);

}  // namespace backlight::test
