// What a build without CUDA says.
#pragma once

#include "engine/core/error.hpp"

namespace backlight::cuda {

[[noreturn]] inline void refuse() {
  throw Error(ErrorKind::unsupported,
              "this build of backlight has no CUDA: use the device cpu, or build with -DBACKLIGHT_CUDA=REAL");
}

}  // namespace backlight::cuda
