// The subcommand `kernels`.
#pragma once

#include <string>

#include "engine/runtime/device.hpp"

namespace backlight::bench {

struct KernelsOptions {
  std::string filter;  ///< only topics whose name contains this
  int repeat = 0;      ///< measurements of each; 0: 50 on a GPU, 10 on the CPU
  Device device{Device::Kind::cuda};
  int threads = 0;       ///< of the CPU's; 0: all
  std::string csv, svg;  ///< files to write; empty for none; not of the CPU's ladders
  bool force = false;    ///< overwrite them
};

/// Prints the table on stdout. Throws Error(usage) for a file that is there already or that the CPU's ladders do not
/// write, and for a filter that no topic fits, Error(resources) for a file that cannot be written.
void bench_kernels(const KernelsOptions& options);

}  // namespace backlight::bench
