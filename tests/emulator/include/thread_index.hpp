// The built-in variables of a CUDA thread. Plain variables, not macros: cudaLaunchConfig_t has members of
// these names, and a debugger can print and compare them. The scheduler sets them whenever a thread goes on.
#pragma once

#include "vector_types.h"

inline uint3 threadIdx{}, blockIdx{};
inline dim3 blockDim{}, gridDim{};
inline constexpr int warpSize = 32;
