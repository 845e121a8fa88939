// Which CUDA devices there are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace backlight::cuda {

enum class Build {
  absent,    ///< the library was built without CUDA
  real,      ///< with nvcc, for GPUs
  emulated,  ///< for tests: kernels run on the processor, slowly
};

struct DeviceInfo {
  int index = 0;  ///< the N of cuda:N
  std::string name;
  int capability_major = 0, capability_minor = 0;
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
};

struct Devices {
  Build build = Build::absent;
  std::vector<DeviceInfo> found = {};
  std::string obstacle = {};  ///< why none was found
};

/// Never throws for want of a device, a driver, or CUDA. Leaves the current device of the thread as it was,
/// and takes no memory on any.
Devices devices();

}  // namespace backlight::cuda
