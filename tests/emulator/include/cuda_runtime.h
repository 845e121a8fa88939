// Substitute for CUDA's <cuda_runtime.h>: the runtime's interface, and the device side for a host compiler.
#pragma once

#include "cuda_runtime_api.h"
#include "device_functions.hpp"
